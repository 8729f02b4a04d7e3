package anchor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A RecordEnd is the end of a record in the log. The zero RecordEnd is before the
// first record.
type RecordEnd struct {
	File string     `json:"file,omitempty"` // name of the day file
	End  int64      `json:"end"`            // offset after the newline
	Hash chain.Hash `json:"hash,omitzero"`  // record_hash of the record
}

// logDir is a log's directory, opened once: later changes of its name have no
// effect. It follows no symbolic link.
type logDir struct {
	ctx    context.Context // when it is done, reading ends
	root   *os.Root        // nil: there is no such directory
	days   []string        // oldest first, those of compressed ones without .gz
	gone   []string        // days that were archived and are not there: of them there are the ends
	packed map[string]bool // of days: there is a compressed file
	end    int64           // how much of the newest day file is read, in bytes
}

// Bounds of a line, in bytes, as package chain has them: a longer one is no
// record, and one that does not end is not read on for ever.
const (
	maxLine = 256 << 20
	endless = 1 << 30
)

// openLog opens the log in dir, which need not exist. If own is set, it waits for
// the log's writers, so that it reads nothing that a failing writer removes.
// Otherwise it takes no lock, and reads only what was there both times that it
// looked.
func openLog(ctx context.Context, dir string, own bool) (*logDir, error) {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &logDir{ctx: ctx}, nil
	}
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &logDir{ctx: ctx, root: root, packed: map[string]bool{}}
	if now, err := root.Stat("."); err != nil || !os.SameFile(now, st) {
		root.Close()
		return nil, fmt.Errorf("%s was replaced by another directory", dir)
	}
	if err := l.look(own); err != nil {
		root.Close()
		return nil, err
	}
	return l, nil
}

func (l *logDir) close() {
	if l.root != nil {
		l.root.Close()
	}
}

// How long to wait for writers, and the time between two looks at the log.
const (
	lockPatience = time.Second
	secondLook   = 50 * time.Millisecond
)

// look lists the day files and finds how much of the newest is read.
func (l *logDir) look(own bool) error {
	if own {
		if f, err := l.open(".lock"); err == nil {
			defer f.Close() // this also releases the lock
			for end := time.Now().Add(lockPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if got, err := durable.TryLock(f); got || err != nil {
					break
				}
			}
		}
	}
	all, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range all {
		if day, ok := strings.CutSuffix(e.Name(), ".ends"); ok {
			if _, err := time.Parse(time.DateOnly, day); err == nil {
				l.gone = append(l.gone, day+".jsonl")
			}
		}
		name, packed := strings.CutSuffix(e.Name(), ".gz")
		if day, ok := strings.CutSuffix(name, ".jsonl"); ok {
			if _, err := time.Parse(time.DateOnly, day); err == nil {
				l.days = append(l.days, name)
				l.packed[name] = packed || l.packed[name] // of both, a plain file is read
			}
		}
	}
	slices.Sort(l.days)
	l.days = slices.Compact(l.days)
	slices.Sort(l.gone)
	l.gone = slices.DeleteFunc(l.gone, func(day string) bool { return len(l.days) > 0 && day >= l.days[0] })
	if len(l.days) == 0 {
		return nil
	}
	newest := l.days[len(l.days)-1]
	if l.packed[newest] {
		// Nothing is appended to a compressed day, unless the file is there, too.
		if _, err = l.size(newest); errors.Is(err, fs.ErrNotExist) {
			l.end = math.MaxInt64
			return nil
		}
	}
	if l.end, err = l.size(newest); err == nil && !own {
		time.Sleep(secondLook)
		var again int64
		again, err = l.size(newest)
		l.end = min(l.end, again)
	}
	return err
}

func (l *logDir) size(name string) (int64, error) {
	st, err := l.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// open opens a regular file of the directory, without waiting for a pipe.
func (l *logDir) open(name string) (*os.File, error) {
	f, err := l.root.OpenFile(name, os.O_RDONLY|openNonBlock, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	named, nerr := l.root.Lstat(name)
	if err != nil || nerr != nil || !named.Mode().IsRegular() || !os.SameFile(st, named) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return f, nil
}

// dayFS opens days of a log for package chain.
type dayFS struct{ *logDir }

func (d dayFS) Open(name string) (fs.File, error) {
	f, err := d.open(name)
	if err != nil {
		return nil, err // and not a nil *os.File
	}
	return f, nil
}

// compressed opens a day of which only the compressed file is there, nil for any other.
func (l *logDir) compressed(name string) (*chain.Day, error) {
	if !l.packed[name] {
		return nil, nil
	}
	d, err := chain.OpenDay(l.ctx, dayFS{l}, name)
	if err == nil && !d.Compressed() {
		return nil, d.Close()
	}
	return d, err
}

// section is the part of a day file that is read.
func (l *logDir) section(name string) (*os.File, *io.SectionReader, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	size := st.Size()
	if name == l.days[len(l.days)-1] {
		size = min(size, l.end)
	}
	return f, io.NewSectionReader(f, 0, size), nil
}

// holds says whether the record of p is still in its place.
func (l *logDir) holds(p RecordEnd) (bool, error) {
	if slices.Contains(l.gone, p.File) {
		held := false
		_, err := l.ends(p.File, 0, func(e RecordEnd, err error) bool {
			held = held || err == nil && e == p
			return !held
		})
		return held, err
	}
	if !slices.Contains(l.days, p.File) {
		return false, nil
	}
	if d, err := l.compressed(p.File); d != nil || err != nil {
		return l.holdsCompressed(p, d, err)
	}
	f, s, err := l.section(p.File)
	if err != nil {
		return false, err
	}
	defer f.Close()
	line, err := lineBefore(s, p.End)
	if line == nil || err != nil {
		return false, err
	}
	e, err := chain.ParseEntry(line)
	return err == nil && e.RecordHash == p.Hash, nil
}

// holdsCompressed is holds for a compressed day, which is read up to there.
func (l *logDir) holdsCompressed(p RecordEnd, d *chain.Day, err error) (held bool, _ error) {
	if err != nil {
		return false, err
	}
	l.lines(d, p.File, 0, func(end RecordEnd, lerr error) bool {
		held, err = end == p, lerr
		return err == nil && end.End < p.End
	})
	return held, errors.Join(err, d.Close())
}

// lineBefore returns the line that ends at end, with a newline or the file; nil if
// none does.
func lineBefore(s *io.SectionReader, end int64) ([]byte, error) {
	if end < 1 || end > s.Size() {
		return nil, nil
	}
	for n := int64(8 << 10); ; n *= 8 {
		n = min(n, end)
		b := make([]byte, n)
		if _, err := s.ReadAt(b, end-n); err != nil && err != io.EOF {
			return nil, err
		}
		body, ended := bytes.CutSuffix(b, []byte{'\n'})
		if !ended && end < s.Size() {
			return nil, nil
		}
		if i := bytes.LastIndexByte(body, '\n'); i >= 0 {
			return body[i+1:], nil
		}
		if n == end || n > maxLine {
			return bytes.TrimPrefix(body, mark), nil
		}
	}
}

// records yields the hash of each record after p and where it ends, oldest first.
// Lines that are not records, or not complete yet, are skipped, as in verification
// (package chain). done is called with each file that was read to its end.
func (l *logDir) records(p RecordEnd, done func(*os.File) error) iter.Seq2[RecordEnd, error] {
	return func(yield func(RecordEnd, error) bool) {
		for _, day := range l.gone {
			if day < p.File {
				continue
			}
			off := int64(0)
			if day == p.File {
				off = p.End
			}
			more, err := l.ends(day, off, yield)
			if err != nil {
				more = yield(RecordEnd{}, fmt.Errorf("%s: %w", chain.EndsFile(day), err))
			}
			if !more {
				return
			}
		}
		for _, day := range l.days {
			if day < p.File {
				continue
			}
			off := int64(0)
			if day == p.File {
				off = p.End
			}
			if !l.recordsOf(day, off, done, yield) {
				return
			}
		}
	}
}

// ends yields the records of a day that was archived, after an offset: what the log's
// directory says of them. Package verify compares that with the event about it.
func (l *logDir) ends(day string, off int64, yield func(RecordEnd, error) bool) (more bool, err error) {
	f, err := l.open(chain.EndsFile(day))
	if err != nil {
		return false, err
	}
	defer f.Close()
	stop := errors.New("stop")
	err = chain.ReadEnds(f, day, func(e chain.RecordEnd) error {
		if l.ctx.Err() != nil {
			return l.ctx.Err()
		}
		if e.End > off && !yield(RecordEnd{day, e.End, e.Hash}, nil) {
			return stop
		}
		return nil
	})
	if err == stop {
		return false, nil
	}
	return err == nil, err
}

func (l *logDir) recordsOf(day string, off int64, done func(*os.File) error, yield func(RecordEnd, error) bool) bool {
	if d, err := l.compressed(day); d != nil || err != nil {
		if err == nil {
			defer d.Close()
			_, err = io.CopyN(io.Discard, d, off)
		}
		if err != nil {
			return yield(RecordEnd{}, err)
		}
		return l.lines(d, day, off, yield) // it was synced before the other went
	}
	f, s, err := l.section(day)
	if err != nil {
		return yield(RecordEnd{}, err)
	}
	defer f.Close()
	if _, err := s.Seek(off, io.SeekStart); err != nil {
		return yield(RecordEnd{}, err)
	}
	if !l.lines(s, day, off, yield) {
		return false
	}
	if err := done(f); err != nil {
		return yield(RecordEnd{}, err)
	}
	return true
}

// lines yields the records in what is read of a day from off on.
func (l *logDir) lines(in io.Reader, day string, off int64, yield func(RecordEnd, error) bool) bool {
	r := bufio.NewReaderSize(in, 256<<10)
	for {
		if err := l.ctx.Err(); err != nil {
			return yield(RecordEnd{}, err)
		}
		line, n, rerr := readLine(r)
		if off == 0 {
			line = bytes.TrimPrefix(line, mark)
		}
		off += n
		if rerr != nil && rerr != io.EOF {
			return yield(RecordEnd{}, rerr)
		}
		// Only the newest file can have an incomplete line.
		if rerr == nil || day != l.days[len(l.days)-1] {
			if e, err := chain.ParseEntry(line); err == nil && !yield(RecordEnd{day, off, e.RecordHash}, nil) {
				return false
			}
		}
		if rerr == io.EOF {
			return true
		}
	}
}

// mark is a byte order mark, which may be at the beginning of a file.
var mark = []byte("\xef\xbb\xbf")

// readLine returns the next line, without its newline, and how many bytes of the
// file it takes. The last line has no newline and comes with io.EOF; it may be
// empty. A line that is too long is returned empty.
func readLine(r *bufio.Reader) (line []byte, n int64, err error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		n += int64(len(part))
		if n > endless {
			return nil, n, fmt.Errorf("a line of more than %d MiB: run verify --chain", endless>>20)
		}
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], n, nil
		case n <= maxLine:
			long = append(long, part...)
		default:
			long = []byte{} // and read to its end
		}
		if err == nil {
			return bytes.TrimSuffix(long, []byte{'\n'}), n, nil
		}
		if err != bufio.ErrBufferFull {
			return long, n, err
		}
	}
}
