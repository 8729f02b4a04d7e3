// Package archive closes days of a log and compresses them, moves them to another
// directory or deletes them. chain/FORMAT.md, "Archived days", says what is left.
//
// Whoever calls it has verified the log. Each step is on the disk before the next one
// begins, and can be done again:
//
//  1. the ends of each day are written beside the log,
//  2. the event is signed and written,
//  3. day by day, the oldest first, the new file is written and read again, and the old
//     one is removed.
//
// After a crash between two of them the log is as before, or has an event about days
// that are still there, or lacks the first of them, which the event explains. Then the
// same call does the rest, with another event.
package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Actions are what can be done with days, as events name them.
const (
	Compress = "compressed"
	Move     = "moved"
	Delete   = "deleted"
)

// A Day is a day of a log that is over.
type Day struct {
	File       string // name of its file, uncompressed
	Size       int64  // of the file that is there, in bytes
	Compressed bool
}

// End is when the day is over.
func (d Day) End() time.Time {
	t, _ := time.Parse(time.DateOnly, strings.TrimSuffix(d.File, ".jsonl"))
	return t.AddDate(0, 0, 1)
}

// Days are the days of the log in dir that were over at a time, oldest first.
func Days(dir string, until time.Time) (days []Day, err error) {
	log, err := chain.TakeSnapshot(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range log.Days() {
		d := Day{File: file}
		if d.End().After(until) {
			break
		}
		st, err := os.Lstat(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			d.Compressed = true
			st, err = os.Lstat(filepath.Join(dir, file+".gz"))
		}
		if err != nil {
			return nil, err
		}
		d.Size = st.Size()
		days = append(days, d)
	}
	return days, nil
}

// Options are the options of [Run].
type Options struct {
	Dir    string // of the log
	Until  string // the last day, by the name of its file
	Action string
	To     string // directory for Move
	// Sign writes an event to the log. It must not return before it is on the disk.
	Sign     func(event.Event) error
	Progress func(records, bytes, total int64)
}

// maxFiles is how many days are in one event.
const maxFiles = 300

// testOnlyStep is called before each step that changes something.
var testOnlyStep = func(string) {}

// ErrBusy says that another process archives days of the log.
var ErrBusy = errors.New("another process archives days of this log")

// ErrItself says that days were to be moved to where they are.
var ErrItself = errors.New("the days would be moved to where they are: that directory is the log itself")

// ErrOther says that there is another file where a day is to be moved to.
var ErrOther = errors.New("is there, and is not a copy of it")

// Run archives the days up to Until, and returns them. The error says what could not be
// done; what was done before is complete.
func Run(ctx context.Context, o Options) ([]event.ArchivedFile, error) {
	lock, err := os.OpenFile(filepath.Join(o.Dir, ".archive.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close() // which releases it
	if got, err := durable.TryLock(lock); err != nil || !got {
		return nil, errors.Join(ErrBusy, err)
	}
	if err := o.tidy(); err != nil {
		return nil, err
	}
	if o.Action == Move {
		if err := o.checkTo(); err != nil {
			return nil, err
		}
	}
	events, err := o.close(ctx)
	if err != nil {
		return nil, err
	}
	var done []event.ArchivedFile
	for _, e := range events {
		testOnlyStep("sign")
		if err := o.Sign(e); err != nil {
			return done, err
		}
		for _, f := range e.Files {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			if err := o.take(f); err != nil {
				return done, fmt.Errorf("%s: %w", f.File, err)
			}
			done = append(done, f)
		}
	}
	return done, nil
}

// tidy removes files that one that was killed had not finished. Nobody else makes such
// files while the lock is held.
func (o *Options) tidy() error {
	for _, pattern := range []string{".ends-*", ".*.jsonl.gz.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(o.Dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTo makes the directory that days are moved to, and refuses one in which they
// would be lost: that of the log itself, by whatever name, where the copy of a file is
// the file.
func (o *Options) checkTo() error {
	if err := os.MkdirAll(o.To, 0o700); err != nil {
		return err
	}
	from, err := os.Stat(o.Dir)
	if err != nil {
		return err
	}
	to, err := os.Stat(o.To)
	if err != nil {
		return err
	}
	if os.SameFile(from, to) {
		return ErrItself
	}
	return nil
}

// closer writes the ends of days.
type closer struct {
	o      *Options
	names  map[string]bool // days to archive
	tree   tlog.Tree
	sum    hash.Hash // of the ends of all records
	stored []byte
	events []event.Archived

	file *os.File // ends of the current day
	out  *bufio.Writer
	day  string
	buf  []byte
	err  error
}

// close is step 1. The events are those to sign.
func (o *Options) close(ctx context.Context) ([]event.Archived, error) {
	log, err := chain.TakeSnapshot(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &closer{o: o, names: map[string]bool{}, sum: sha256.New()}
	for _, day := range log.Days() {
		if day <= o.Until {
			c.names[day] = true
		}
	}
	r, err := chain.Verify(ctx, log, chain.VerifyOptions[struct{}]{Record: c.record, Progress: o.Progress})
	c.finish()
	switch {
	case err != nil:
		return nil, err
	case c.err != nil:
		return nil, c.err
	case r.Damaged > 0 || len(r.BadEnds) > 0:
		return nil, errors.New("the log is damaged")
	}
	return c.events, durable.SyncDir(o.Dir)
}

func (c *closer) record(e chain.RecordEnd) {
	if c.err != nil || e.File > c.o.Until {
		return
	}
	if e.File != c.day {
		c.finish()
	}
	c.stored = c.tree.Append(c.stored[:0], tlog.Leaf(e.Hash))
	c.buf = chain.AppendEnd(c.buf[:0], e)
	c.sum.Write(c.buf)
	if e.Archived || !c.names[e.File] {
		return
	}
	if e.File != c.day {
		c.begin(e)
	}
	if c.err != nil {
		return
	}
	x := &c.events[len(c.events)-1]
	x.Last, x.Records = e.Hash, x.Records+1
	f := &x.Files[len(x.Files)-1]
	f.End, f.Records = e.End, f.Records+1
	_, c.err = c.out.Write(c.buf)
}

// begin begins a day.
func (c *closer) begin(e chain.RecordEnd) {
	if len(c.events) == 0 || len(c.events[len(c.events)-1].Files) == maxFiles {
		c.events = append(c.events, event.Archived{Action: c.o.Action, First: e.Hash, Before: c.tree.Size() - 1})
	}
	x := &c.events[len(c.events)-1]
	x.Files = append(x.Files, event.ArchivedFile{File: e.File})
	c.day = e.File
	testOnlyStep("ends")
	if c.file, c.err = os.CreateTemp(c.o.Dir, ".ends-"); c.err == nil {
		c.out = bufio.NewWriter(c.file)
	}
}

// finish ends a day.
func (c *closer) finish() {
	if c.file == nil {
		return
	}
	f := c.file
	c.file = nil
	x := &c.events[len(c.events)-1]
	x.Root, x.Ends = c.tree.Root().String(), chain.Hash(c.sum.Sum(nil))
	err := c.out.Flush()
	if err == nil {
		err = durable.Sync(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil && c.err == nil {
		testOnlyStep("rename ends")
		err = os.Rename(f.Name(), filepath.Join(c.o.Dir, chain.EndsFile(c.day)))
	}
	if c.err = errors.Join(c.err, err); c.err != nil {
		os.Remove(f.Name())
	}
}

// take is step 3 for a day.
func (o *Options) take(f event.ArchivedFile) error {
	plain := filepath.Join(o.Dir, f.File)
	if o.Action == Compress {
		return compress(plain)
	}
	torn, err := filepath.Glob(plain + ".torn-*")
	if err != nil {
		return err
	}
	// What counts, if both files are there, goes last.
	for _, path := range slices.Concat(torn, []string{filepath.Join(o.Dir, chain.BesideFile(f.File)), plain + ".gz", plain}) {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if o.Action == Move {
			if err := put(path, filepath.Join(o.To, filepath.Base(path))); err != nil {
				return err
			}
		}
		testOnlyStep("remove")
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	os.Remove(plain + ".lock") // the reference's
	return durable.SyncDir(o.Dir)
}

// compress makes the file at path a compressed one. One that is there already is of a
// crash, or anybody's, and is made again.
func compress(path string) error {
	sum, err := hashOf(func() (io.ReadCloser, error) { return os.Open(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is compressed
	}
	if err != nil {
		return err
	}
	testOnlyStep("remove what a crash left")
	if err := os.Remove(path + ".gz"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	testOnlyStep("compress")
	err = durable.WriteNewFrom(path+".gz", 0o600, func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		z := gzip.NewWriter(w)
		if _, err := io.Copy(z, f); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return err
	}
	testOnlyStep("read again")
	again, err := hashOf(func() (io.ReadCloser, error) { return chain.OpenCompressed(path + ".gz") })
	if err == nil && !bytes.Equal(sum, again) {
		err = errors.New("it is not the same after it was compressed")
	}
	if err != nil {
		os.Remove(path + ".gz")
		return err
	}
	testOnlyStep("remove")
	if err := os.Remove(path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// put copies a file to another directory. One of the same contents that is there already
// is of a crash.
func put(from, to string) error {
	open := func(path string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return os.Open(path) }
	}
	testOnlyStep("copy")
	err := durable.WriteNewFrom(to, 0o600, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// A link may lead to the file that is to be removed.
	if st, err := os.Lstat(to); err != nil || !st.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s %w", to, ErrOther))
	}
	sum, err := hashOf(open(from))
	if err != nil {
		return err
	}
	again, err := hashOf(open(to))
	if err == nil && !bytes.Equal(sum, again) {
		err = fmt.Errorf("%s %w", to, ErrOther)
	}
	return err
}

func hashOf(open func() (io.ReadCloser, error)) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
