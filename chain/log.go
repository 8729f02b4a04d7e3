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

// Options are the options of [New]. The zero value works.
type Options struct {
	// NoSync does not sync: records survive a crash of the process, but maybe not
	// one of the machine.
	NoSync bool

	// Now is the clock. nil: [time.Now].
	Now func() time.Time

	// Event makes the receipt, in canonical JSON, of an event of the log itself: an
	// [event.TornLine], [event.LogDamaged] or [event.ClockStep]. nil: these events
	// are not signed.
	Event func(e event.Event, at At) ([]byte, error)

	// Check gets a receipt in canonical form and the hash of the record before it.
	// signed says whether the receipt is signed and in the place that it was signed
	// for; known, of such a receipt, whether by a known key. Only the times of
	// records by known keys are used. sign.LogCheck returns such a function. nil:
	// all records are signed and known.
	Check func(receipt []byte, prev Hash) (signed, known bool)

	// Keep is called before records are removed again because the sync failed. file
	// would then have size bytes. keep says that they must stay, because they are
	// anchored already. If not, nothing may be anchored until done is called. nil:
	// they need not stay.
	Keep func(file string, size int64) (keep bool, done func())

	// Warn gets a message, once for each Log, about files in the directory that are
	// ignored. nil: no message.
	Warn func(text string)
}

// At is the time and place of a new record.
type At struct {
	Time time.Time // UTC, whole milliseconds
	Prev Hash      // record_hash of the record before it

	beside *[][]byte // lines for Beside
}

// A Log appends to the log in a directory. It may be used by several goroutines at
// once, and by any number of processes, each with its own Log.
type Log struct {
	dir      string
	o        Options
	sync     func(*os.File) error // durable.Sync, except in tests
	patience time.Duration        // lockPatience, except in tests

	mu   sync.Mutex
	lock fileLock    // between writers of this package; held while appending
	days []*fileLock // between us and the reference; for the newest file and the one to write

	seen   listing // the names in the directory
	seenAt stamp   // of the directory, when they were read
	racy   bool    // the names may have changed since without a new stamp

	file  *os.File    // the newest day file, for appending; nil: load first
	info  fs.FileInfo // of file when it was opened: its identity
	name  string      // of file, in dir
	size  int64       // of file, in bytes
	place place       // the end of the newest record
	floor time.Time   // time of the newest record: no later record may have an earlier one
	clock time.Time   // the last time of the clock
	owed  []owed      // events to write before the next record
	told  []owed      // events that are written, but maybe not on the disk yet
	stray place       // a record in a quarantined day file; File is "" if there is none

	loaded   bool // the log's end has been read once
	warned   bool // Options.Warn was called
	unsynced bool // records in name may not be on the disk yet
	dirNew   bool // name itself may not be on the disk yet
	behind   bool // the clock was earlier than the newest record

	besideNamed string // the file beside the log whose name is on the disk for certain

	own ownEnd // the newest record of this Log

	batch batch  // empty between appends
	tail  []byte // buffer of backLines
}

// place is the end of a record: the offset after its line, and the record's hash.
// Without a file it is the beginning of an empty log.
type place struct {
	Position
	hash Hash
}

// Written is a record that an append has written.
type Written struct {
	Index    int   // i, as build got it
	Position       // where its line begins
	End      int64 // offset after its newline, in bytes
	Hash     Hash  // its record_hash
}

// New returns the log in the directory dir, usually <home>/audit. It does not touch
// the disk. The first Append creates the directory if it is missing, with mode
// 0700.
func New(dir string, o Options) *Log {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Log{
		dir: dir, o: o, sync: durable.Sync, patience: lockPatience,
		lock: fileLock{path: filepath.Join(dir, lockName)},
	}
}

// Dir returns the log's directory, as given to [New].
func (l *Log) Dir() string { return l.dir }

// Append adds n records, in order. Under the log's lock it calls build n times,
// with i from 0. build returns the i-th receipt: a JSON object in canonical form
// (RFC 8785) that must not change before Append returns, or nil to leave this
// record out. All records have the same At.Time, which is never earlier than that
// of the newest record in the log. build must be quick, because all writers of the
// log wait, and must not use the Log.
//
// If the error is nil, all records are in the log and, unless Options.NoSync is
// set, on the disk. written says where each of them is. It does not say how many
// records are before them: no writer knows that without reading the whole log.
//
// After an error, of build or any other, none of the records is in the log, as far
// as the disk allows it to remove what was written. The Log stays usable, and a
// later Append succeeds if the cause is gone. There is one exception: if the sync
// fails and another process has appended meanwhile, or Options.Keep says so, the
// records stay.
//
// Append reads the end of the log only if another process has written to it. Its
// cost does not grow with the log or with the size of its files. It writes an event
// before the records in these cases: a partial record that a crash has left was
// quarantined in a file of its own; records that this Log has seen are gone; the
// record that it continues after is not signed; the clock was set back. Append
// fails if another process holds the lock for 25 seconds.
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
	// The lock is free again: a sync takes a hundred times as long as all the
	// rest.
	if err := l.syncFile(); err != nil {
		l.takeBack(before)
		return nil, fmt.Errorf("append to the log: sync: %w", err)
	}
	l.wrote(written, true)
	return written, nil
}

// AppendLater is Append without the sync. The records reach the disk with those of
// the next Append or Sync, and not later than any record after them.
func (l *Log) AppendLater(n int, build func(i int, at At) ([]byte, error)) (written []Written, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if written, _, err = l.write(n, build); err == nil {
		l.wrote(written, false)
	}
	return written, err
}

// Sync syncs what AppendLater has written since the last Append.
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

// Close closes the log's files and gives up its locks. A later Append opens them
// again. The error is always nil.
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
