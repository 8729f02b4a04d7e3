package chain

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Options are those of [New]. The zero value works.
type Options struct {
	// NoSync leaves it to the operating system when records get to the disk:
	// they survive a crash of the process, but not one of the machine.
	NoSync bool

	// Now is the clock; time.Now if nil.
	Now func() time.Time

	// Event makes the receipt, canonical JSON, of an event of the log's own:
	// an [event.TornLine], [event.LogDamaged] or [event.ClockStep]. If nil,
	// events are written unsigned.
	Event func(e event.Event, at At) ([]byte, error)

	// Check says of a receipt, in canonical form, that follows the record with
	// the hash prev, whether it is signed and stands where it was signed to
	// stand, and if so, whether by a key that is known. Only the times of
	// records by known keys count. sign.LogCheck makes one. If nil, everything
	// counts.
	Check func(receipt []byte, prev Hash) (signed, known bool)

	// Keep is asked before records are taken back that could not be synced, which
	// would leave file with size bytes: whether they must stay, because somebody
	// has anchored them already. If not, nobody anchors any until done is called.
	// If nil, they need not stay.
	Keep func(file string, size int64) (keep bool, done func())

	// Warn is told, once for each Log, of what lies in the directory and is
	// left alone. May be nil.
	Warn func(text string)
}

// At is when and where a record is written.
type At struct {
	Time time.Time // UTC, in whole milliseconds
	Prev Hash      // the record_hash that it follows
}

// Log appends to the log in a directory. It may be used by several goroutines at
// once, and by any number of processes, each with its own Log.
type Log struct {
	dir      string
	o        Options
	sync     func(*os.File) error // durable.Sync, but in tests
	patience time.Duration        // lockPatience, but in tests

	mu   sync.Mutex
	lock fileLock    // of this package's writers; held while appending
	days []*fileLock // of the reference's writers, for the files that matter

	seen   listing // the directory's names
	seenAt stamp   // the directory's when they were read
	racy   bool    // they may have changed since without a new stamp

	file  *os.File    // the newest day file, for appending; nil: load first
	info  fs.FileInfo // of file when it was opened: its identity
	name  string      // of file, in dir
	size  int64       // of file, in bytes
	place place       // of the newest record
	floor time.Time   // no record may be earlier: the newest record's time
	clock time.Time   // what the clock said last
	owed  []owed      // to be written before the next record
	told  []owed      // written, but maybe not on the disk yet
	stray place       // of a record in a quarantined day file; none: no file

	loaded   bool // the log's end has been read once
	warned   bool // Options.Warn was called
	unsynced bool // records in name may not be on the disk yet
	dirNew   bool // name itself may not be
	behind   bool // the clock was behind the newest record

	own ownEnd // the newest record of this Log

	batch batch  // empty between appends
	tail  []byte // of backLines
}

// place is where the line after a record begins, and the record's hash. With no
// file it is the beginning of an empty log.
type place struct {
	Position
	hash Hash
}

// Written is a record that an append has put into the log.
type Written struct {
	Index    int   // as build got it
	Position       // of its line
	End      int64 // offset after its newline, in bytes
	Hash     Hash  // record_hash
}

// New returns the log in the directory dir, usually <home>/audit. It does not look
// at the directory; the first Append makes it, mode 0700, if it is missing.
func New(dir string, o Options) *Log {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Log{
		dir: dir, o: o, sync: durable.Sync, patience: lockPatience,
		lock: fileLock{path: filepath.Join(dir, lockName)},
	}
}

// Append adds n records, in order. It calls build n times, under the log's lock,
// with i from 0 on and the time of the records, which is one for all of them,
// UTC in whole milliseconds, and never before that of the newest record in the
// log; build returns the i-th receipt, which must not change before Append
// returns, or nil to leave it out. It must be quick, for all writers of the log
// wait, and must not use the Log. A receipt that is not a JSON object in canonical
// form (RFC 8785) is an error.
//
// If the error is nil all records are in the log and, unless Options.NoSync says
// otherwise, on the disk; written says where each of them is. How many records
// the log has before them it does not say: no writer can know that without
// reading all of it. On an error, build's own or any other, none is in the log:
// what had been written is taken back, as far as the disk allows it. The Log stays
// usable, and the next Append succeeds if the cause is gone.
//
// If the disk fails to sync and another process has appended meanwhile, or
// Options.Keep wants it, the records are not taken back; they stay although the
// error says otherwise.
//
// Append looks at the end of the log only if another process has written to it:
// its cost does not grow with the log, whatever the size of the files. A
// half-written line that a crash has left is quarantined in a file of its own,
// and an event in the log tells of it. If records that this Log has seen in the
// log are gone, if what it continues from is not signed, or if the clock has
// stepped back, an event tells of that. Another process that keeps the lock for
// ten seconds makes Append fail.
func (l *Log) Append(n int, build func(i int, at At) ([]byte, error)) (written []Written, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	written, before, err := l.write(n, build)
	if err != nil {
		return nil, err
	}
	if l.o.NoSync {
		l.wrote(written, false)
		return written, nil
	}
	// Other writers go on meanwhile: a sync takes a hundred times as long as
	// all the rest.
	if err := l.syncFile(); err != nil {
		l.takeBack(before)
		return nil, fmt.Errorf("append to the log: sync: %w", err)
	}
	l.wrote(written, true)
	return written, nil
}

// AppendLater is Append without the wait for the disk: the records get there
// with those of the next Append or Sync, and not later than any that follow
// them.
func (l *Log) AppendLater(n int, build func(i int, at At) ([]byte, error)) (written []Written, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if written, _, err = l.write(n, build); err == nil {
		l.wrote(written, false)
	}
	return written, err
}

// Sync puts on the disk what AppendLater has written since the last Append.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.unsynced {
		return nil
	}
	if err := l.syncFile(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	l.own.synced = true
	return nil
}

// Close closes the log's files. A later Append opens them again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	for _, d := range l.days {
		d.close()
	}
	l.days = nil
	l.lock.close()
	return nil
}
