// Package chain is the log: receipts in files by day, each record hashed
// together with the hash of the one before it, so that an edit, a removal or an
// insertion anywhere shows at that place. FORMAT.md beside this file has the
// bytes.
//
// The log is a directory. [New] names it and does nothing; the first [Log.Append]
// makes it. Any number of processes may append to one directory, through this
// package or the reference implementation, and make one unbroken chain. When
// Append returns nil the records are on the disk; when it returns an error they
// are not in the log, and the next Append works as soon as the cause is gone.
//
//	l := chain.New("/home/me/.signet/audit", chain.Options{
//		Check: sign.LogCheck(sign.Keys(signer.PublicKey())),
//		Event: func(e event.Event, at chain.At) ([]byte, error) { // the log's own, such as of a torn line
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
// A log is read as a [Snapshot], from a directory or from any other file system.
// [Verify] reads a whole log on all cores and says what is wrong with it and
// where; [Snapshot.Records] yields records in either order, and [Read] does so on
// all cores, from any position, without parsing what nobody asks for. None of them
// holds more than a few blocks of the log in memory, and none writes. All of this
// works in WebAssembly too, where [Log] does not.
//
// What a chain cannot show: records cut cleanly from its end, for nothing that
// is left knows of them, and a log rebuilt from some place on by someone who
// holds the signing keys. Both take a copy of [Report].Head kept elsewhere.
//
// The package knows receipts only as JSON: who signed them is the business of
// [VerifyOptions].Check. Whatever it reads of a receipt, or hands on, it reads in
// the canonical form that was hashed and signed, and not as it was spelled.
package chain

import "fmt"

// maxLine is the longest line that is read, in bytes. What signet-wrap writes
// stays below half of it (a call may have 64 MiB, base64 makes 86 MiB of that);
// the bound keeps a hostile or damaged file from taking all memory.
const maxLine = 256 << 20

// A LineError reports a line that is not a readable record. Reading can go on
// after it.
type LineError struct {
	File   string // name of the day file
	Line   int    // 1-based, 0 if it is not known (reading backward)
	Offset int64  // of the line's first byte
	Reason string // lower case, a phrase
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s, byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}
