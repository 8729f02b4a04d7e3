package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// Options are those of [New]. The zero value works.
type Options struct {
	// NoSync leaves it to the operating system when records get to the disk:
	// they survive a crash of the process, but not one of the machine.
	NoSync bool

	// Now is the clock; time.Now if nil.
	Now func() time.Time

	// Event makes the receipt, canonical JSON, of an event of the log's own,
	// of one of the kinds [TornLine] and [LogDamaged]. The members are in
	// order. If nil, events are written unsigned.
	Event func(kind string, now time.Time, members []Member) ([]byte, error)
}

// Log appends to the log in a folder. It may be used by several goroutines at
// once, and by any number of processes, each with its own Log.
type Log struct {
	dir      string
	o        Options
	sync     func(*os.File) error // durable.Sync, but in tests
	patience time.Duration        // lockPatience, but in tests

	mu   sync.Mutex
	lock fileLock    // of this package's writers; held while appending
	days []*fileLock // of the reference's writers, for the files that matter

	seen   listing   // the folder's names
	seenAt time.Time // the folder's modification time when they were read
	racy   bool      // it may have changed since without a new time

	file   *os.File    // the newest day file, for appending; nil: load first
	info   fs.FileInfo // of file when it was opened: its identity
	name   string      // of file, in dir
	size   int64       // of file, in bytes
	place  place       // of the newest record
	floor  time.Time   // no record may be earlier: the newest record's time
	owed   []event     // to be written before the next record
	dirNew bool        // file's name may not be on the disk yet

	buf []byte
}

// place is where a record stands and what its hash is. With no file it is the
// beginning of an empty log.
type place struct {
	file string
	end  int64 // offset behind its newline
	hash digest
}

// New returns the log in the folder dir, usually <home>/audit. It does not look
// at the folder; the first Append makes it, mode 0700, if it is missing.
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
// log; build returns the i-th receipt as canonical JSON (RFC 8785). It must be
// quick, for all writers of the log wait, and must not use the Log.
//
// On return nil all n records are in the log and, unless Options.NoSync says
// otherwise, on the disk. On an error, build's own or any other, none is in the
// log: what had been written is taken back, as far as the disk allows it. The
// Log stays usable, and the next Append succeeds if the cause is gone.
//
// If the disk fails to sync and another process has appended meanwhile, the
// records cannot be taken back; they stay although the error says otherwise.
//
// Append looks at the end of the log only if another process has written to it:
// its cost does not grow with the log. A half-written line that a crash has left
// is set aside in a file of its own, and an event in the log tells of it. If
// records that this Log has seen in the log are gone, an event tells of that.
// Another process that keeps the lock for ten seconds makes Append fail.
func (l *Log) Append(n int, build func(i int, now time.Time) ([]byte, error)) error {
	return l.append(n, build, !l.o.NoSync)
}

// AppendLater is Append without the wait for the disk: the records are there
// with those of the next Append, or with Sync.
func (l *Log) AppendLater(n int, build func(i int, now time.Time) ([]byte, error)) error {
	return l.append(n, build, false)
}

// Sync puts on the disk what AppendLater has written since the last Append.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.syncFile()
}

func (l *Log) append(n int, build func(i int, now time.Time) ([]byte, error), sync bool) error {
	if n <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()

	before, told, err := l.appendLocked(n, build)
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	if err != nil {
		l.forget() // so that the next Append looks for itself
		return fmt.Errorf("append to the log: %w", err)
	}
	if !sync {
		l.tell(told)
		return nil
	}
	// Other writers go on meanwhile: a sync takes a hundred times as long as
	// all the rest.
	if err := l.syncFile(); err != nil {
		l.takeBack(before)
		l.owed = append(told, l.owed...)
		return fmt.Errorf("append to the log: sync: %w", err)
	}
	l.tell(told)
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

// forget closes the day file, so that it will be loaded again.
func (l *Log) forget() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// appendLocked takes the locks, writes the records without syncing them, and
// gives the locks back. told are the events that have been written, and before
// is what takeBack needs.
func (l *Log) appendLocked(n int, build func(int, time.Time) ([]byte, error)) (before undo, told []event, err error) {
	made, err := l.lock.acquire(l.patience)
	if err != nil {
		return before, nil, err
	}
	defer l.lock.release()
	if made { // maybe in a new folder
		l.seenAt, l.racy = time.Time{}, true
	}
	now := l.o.Now().UTC().Truncate(time.Millisecond)
	newest, target, err := l.settle(now)
	defer l.releaseDays()
	if err != nil {
		return before, nil, err
	}
	if err := l.refresh(newest); err != nil {
		return before, nil, err
	}
	if now.Before(l.floor) {
		now = l.floor
	}
	hash, told, err := l.compose(n, build, now)
	if err != nil {
		return before, nil, err
	}
	if target != newest {
		if err := l.begin(target); err != nil {
			return before, nil, err
		}
	}
	before = undo{l.size, l.place}
	if _, err := l.file.Write(l.buf); err != nil {
		if terr := truncate(l.file, before.size); terr != nil {
			err = fmt.Errorf("%w; and what was written could not be taken back: %v", err, terr)
		}
		return before, nil, err
	}
	l.size += int64(len(l.buf))
	l.place = place{l.name, l.size, hash}
	l.floor = now
	l.owed = l.owed[len(told):]
	return before, told, nil
}

// undo is the log's end before an append.
type undo struct {
	size  int64 // of the file that was appended to
	place place
}

// settle finds out which day file is the newest and which one is to be written
// at this time, and takes the reference's locks for both. Newest is "" in an
// empty log. A file older than the newest is never written.
func (l *Log) settle(now time.Time) (newest, target string, err error) {
	for _, d := range l.days {
		if _, err := d.acquire(l.patience); err != nil {
			return "", "", err
		}
	}
	for {
		if err := l.look(); err != nil {
			return "", "", err
		}
		newest = ""
		if n := len(l.seen.days); n > 0 {
			newest = l.seen.days[n-1]
		}
		target = max(newest, dayFile(now))
		want := slices.Compact(slices.DeleteFunc([]string{newest, target}, func(s string) bool { return s == "" }))
		if slices.EqualFunc(l.days, want, func(d *fileLock, name string) bool {
			return d.path == filepath.Join(l.dir, name+lockSuffix)
		}) {
			return newest, target, nil
		}
		for _, d := range l.days {
			d.close()
		}
		l.days = nil
		for _, name := range want {
			d := &fileLock{path: filepath.Join(l.dir, name+lockSuffix)}
			l.days = append(l.days, d)
			if _, err := d.acquire(l.patience); err != nil {
				return "", "", err
			}
		}
		// Somebody may have begun a newer file before the locks were ours.
	}
}

func (l *Log) releaseDays() {
	for _, d := range l.days {
		if d.f != nil && d.wait == nil {
			d.release()
		}
	}
}

// racyMargin: within it a folder can change twice and show one modification
// time. FAT counts in two seconds, the others are finer.
const racyMargin = 2 * time.Second

// look brings l.seen up to date. It reads the folder only if its modification
// time is new, or so recent that it may not show the last change.
func (l *Log) look() error {
	st, err := os.Stat(l.dir)
	if err != nil {
		return err
	}
	if !l.racy && st.ModTime().Equal(l.seenAt) {
		return nil
	}
	start := time.Now()
	if l.seen, err = list(l.dir); err != nil {
		l.racy = true
		return err
	}
	l.seenAt, l.racy = st.ModTime(), start.Sub(st.ModTime()) < racyMargin
	for _, pending := range l.seen.pending {
		if err := l.oweTorn(pending); err != nil {
			return err
		}
	}
	return nil
}

// compose fills l.buf with the owed events and the n records, and returns the
// last one's hash.
func (l *Log) compose(n int, build func(int, time.Time) ([]byte, error), now time.Time) (hash digest, told []event, err error) {
	hash, told = l.place.hash, slices.Clone(l.owed)
	l.buf = l.buf[:0]
	for _, e := range told {
		receipt, err := e.make(&l.o, now)
		if err != nil {
			return hash, nil, fmt.Errorf("make a %s event: %w", e.kind, err)
		}
		if l.buf, hash, err = l.add(receipt, hash); err != nil {
			return hash, nil, err
		}
	}
	for i := range n {
		receipt, err := build(i, now)
		if err != nil {
			return hash, nil, err
		}
		if l.buf, hash, err = l.add(receipt, hash); err != nil {
			return hash, nil, err
		}
	}
	return hash, told, nil
}

// keepBuffer is the largest buffer kept between appends, in bytes.
const keepBuffer = 1 << 20

// errNotReceipt is for a build that returns what would break the log's lines.
var errNotReceipt = errors.New("a receipt must be a canonical JSON object on one line")

func (l *Log) add(receipt []byte, prev digest) ([]byte, digest, error) {
	if len(receipt) < 2 || receipt[0] != '{' || receipt[len(receipt)-1] != '}' || bytes.IndexByte(receipt, '\n') >= 0 {
		return l.buf, prev, errNotReceipt
	}
	if len(receipt) > maxLine-recordTail-len(recordHead) {
		return l.buf, prev, fmt.Errorf("a receipt of %d MiB is too long for the log", len(receipt)>>20)
	}
	buf, hash := appendRecord(l.buf, receipt, prev)
	return buf, hash, nil
}

// begin makes the file of a new day and goes on there. The records before it
// must be on the disk first: after a crash, the new ones would not follow them.
func (l *Log) begin(name string) error {
	if l.file != nil && !l.o.NoSync {
		if err := l.syncFile(); err != nil {
			return err
		}
	}
	f, info, err := openRegular(filepath.Join(l.dir, name), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	l.forget()
	l.file, l.info, l.name, l.size, l.dirNew = f, info, name, 0, true
	return nil
}

// syncFile puts what was written on the disk, and the file's name too if that
// may not be there.
func (l *Log) syncFile() error {
	if err := l.sync(l.file); err != nil {
		return err
	}
	if l.dirNew {
		if err := durable.SyncDir(l.dir); err != nil {
			return err
		}
		l.dirNew = false
	}
	return nil
}

// takeBack cuts the records off again that could not be synced, if nobody has
// appended behind them. Whether the disk has them is not known in any case.
func (l *Log) takeBack(before undo) {
	defer l.forget()
	if _, err := l.lock.acquire(l.patience); err != nil {
		return
	}
	defer l.lock.release()
	defer l.releaseDays()
	for _, d := range l.days {
		if _, err := d.acquire(l.patience); err != nil {
			return
		}
	}
	if st, err := l.named(l.name); err == nil && st.Size() == l.size && truncate(l.file, before.size) == nil {
		l.place = before.place
	}
}
