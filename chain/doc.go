// Package chain is the log: receipts in a directory with one file for each day.
// Each record is hashed together with the hash of the record before it, so that a
// change, a removal or an insertion anywhere is found, and its place. FORMAT.md in
// this directory describes the bytes.
//
// # Writing
//
// [New] returns a [Log] and does not touch the disk; the first [Log.Append] creates
// the directory. Any number of processes may append to one directory, with this
// package or the reference implementation, and make one unbroken chain. When Append
// returns nil, the records are on the disk. When it returns an error, they are not
// in the log, and a later Append works when the cause is gone.
//
//	l := chain.New("/home/me/.signet/audit", chain.Options{
//		Check: sign.LogCheck(sign.Keys(signer.PublicKey())),
//		Event: func(e event.Event, at chain.At) ([]byte, error) { // signs the log's own events, such as torn_line
//			receipt, err := signer.Event(e, at.Time, at.Prev)
//			if err != nil {
//				return nil, err
//			}
//			return receipt.Record, nil
//		},
//	})
//	defer l.Close()
//	_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
//		receipt, err := draft.SignAt(at.Time, at.Prev) // package sign
//		if err != nil {
//			return nil, err
//		}
//		return receipt.Record, nil
//	})
//
// # Reading
//
// A log is read as a [Snapshot], of a directory ([TakeSnapshot]) or another file
// system ([TakeSnapshotFS]). [Verify] checks a whole log on all cores and reports
// what is damaged, and where. [Snapshot.Records] yields the records in either
// order. [Read] does so on all cores, from any position, and can skip records
// before they are parsed. All of them hold only a few blocks of the log in memory
// and write nothing. All of this also works in WebAssembly, where [Log] does not.
//
// # What a chain cannot show
//
// Two things do not show in a log alone: that whole records were removed from its
// end, and that a holder of the signing keys rewrote it from some place on. Both
// show if a copy of [Report].Head is kept elsewhere (packages chain/tlog and
// chain/anchor).
//
// The package reads receipts only as JSON, in the canonical form that was hashed
// and signed, whatever the spelling in the file. [VerifyOptions].Check decides who
// signed them.
//
// # Files
//
//	log.go             Log: its options, Append, Sync, Close
//	write.go           one append, under the locks
//	batch.go           the lines of one append
//	lock.go            locks between processes
//	dayfiles.go        which day file is written, and its locks
//	dirstamp_*.go      whether a directory has changed
//	open_*.go          how files are opened and truncated
//	futuredays.go      day files of days to come, and their quarantine
//	logend.go          the newest record, and repair of the log's end
//	torn.go            quarantine of partial records
//	clockstep.go       clocks that were set back
//	disk.go            sync, and undoing an append
//	syncedend.go       the newest record of this Log that is on the disk
//	ownevent.go        events that the log itself writes
//	directory.go       regular files only; TakeSnapshot
//	snapshot.go        Snapshot, and the names in the directory
//	sequential.go      file systems without ReadAt
//	packed.go          compressed day files
//	ends.go            ends of the records of archived days
//	union.go           a log with days in other directories
//	beside.go          arguments in files beside the log, written
//	besideread.go      the same, read
//	unlocked.go        TakeSnapshotUnlocked, for those who look often
//	copy.go            the files of a copy
//	blocks.go          files in blocks of whole lines, forward and backward
//	stream.go          blocks to workers, and back in order
//	budget.go          memory limit of the workers
//	read.go            Read: records to a function
//	entry.go           Entry: a record as readers get it
//	first.go           the hash of a log's first record
//	tail.go            Tail: records as they are appended
//	recordformat.go    the line of a record, written and parsed
//	receipt.go         what is read of a receipt: its times, whether it is an event
//	verify.go          Verify, and what its workers check
//	verifier.go        the chain of hashes, in order
//	damage.go          the kind of a break
//	report.go          Report
package chain

import "fmt"

// maxLine is the maximum length of a line that is read, in bytes. Lines of
// signet-wrap have less than half of it: a call has at most 64 MiB, which is 86 MiB
// in base64. The limit keeps a hostile or damaged file from taking all memory.
const maxLine = 256 << 20

// A LineError says that a line is not a readable record. Reading can continue after
// it.
type LineError struct {
	File   string // name of the day file
	Line   int    // from 1; 0: not known (reading backward)
	Offset int64  // of the line's first byte in the file
	Reason string // lower case, a phrase
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s, byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}
