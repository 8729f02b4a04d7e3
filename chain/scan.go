package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Entry is a record as it stands in the log. Its slices are good until the next
// one is asked for.
type Entry struct {
	File   string // name of the day file
	Line   int    // 1-based, 0 if it is not known (reading backward)
	Offset int64  // of the line's first byte in the file

	Receipt    []byte // as stored, one JSON value
	PrevHash   string // as stored, "sha256:" and 64 hex digits
	RecordHash string // likewise; Verify checks both, reading does not
	Raw        []byte // the whole line, without its newline
}

// Check says whether the record's hash is that of its receipt and of PrevHash. It
// cannot tell whether the record is in its place; [Verify] does.
func (e *Entry) Check() error {
	r, err := parseRecord(e.Raw)
	if err != nil {
		return err
	}
	sum, _, err := r.sum()
	if err == nil && sum != r.hash {
		err = fmt.Errorf("the record's hash is %v and should be %v", r.hash, sum)
	}
	return err
}

// Scan reads the log in the folder dir, oldest record first. The log is as it
// was when Scan began; no folder is an empty log. Day files from before the day
// of since, if that is not zero, are not opened. (A record's day is never after
// that of its file: FORMAT.md, "Files".)
//
// A line that is no record comes as a *[LineError] beside an Entry that has its
// place and, unless it is too long, Raw; the loop may go on. Any other error
// ends it.
func Scan(dir string, since time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s, err := takeSnapshot(dir)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		s.scan(since, yield)
	}
}

// before says whether the i-th day file is from before the day of since.
func (s *snapshot) before(i int, since time.Time) bool {
	return !since.IsZero() && s.days[i] < dayFile(since)
}

func (s *snapshot) scan(since time.Time, yield func(Entry, error) bool) {
	buf := make([]byte, blockSize)
	for i := range s.days {
		if !s.before(i, since) && !s.scanFile(i, buf, yield) {
			return
		}
	}
}

func (s *snapshot) scanFile(i int, buf []byte, yield func(Entry, error) bool) bool {
	f, size, err := s.open(i)
	if err != nil {
		return yield(Entry{}, err) && false
	}
	defer f.Close()
	b := blocks{f: f, size: size}
	for n := 1; ; {
		block, off, err := b.next(buf)
		var long *tooLong
		switch {
		case err == io.EOF:
			return true
		case errors.As(err, &long):
			e := Entry{File: s.days[i], Line: n, Offset: off}
			if !yield(e, &LineError{e.File, e.Line, e.Offset, err.Error()}) {
				return false
			}
			n++
		case err != nil:
			return yield(Entry{}, err) && false
		}
		for line := range bytes.Lines(block) {
			if !yieldLine(Entry{File: s.days[i], Line: n, Offset: off}, line, yield) {
				return false
			}
			n++
			off += int64(len(line))
		}
	}
}

// yieldLine takes a line apart, if it is not blank, and yields it.
func yieldLine(e Entry, line []byte, yield func(Entry, error) bool) bool {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	if blank(line) {
		return true
	}
	e.Raw = line
	r, err := parseRecord(line)
	if err != nil {
		return yield(e, &LineError{e.File, e.Line, e.Offset, err.Error()})
	}
	e.Receipt, e.PrevHash, e.RecordHash = r.receipt, r.prev.String(), r.hash.String()
	return yield(e, nil)
}

// Backward is [Scan] from the newest record to the oldest. It reads the files
// from their ends, and of them only as much as is asked for. Lines are not
// numbered.
func Backward(dir string, since time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s, err := takeSnapshot(dir)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for i := len(s.days) - 1; i >= 0; i-- {
			if s.before(i, since) || !s.backFile(i, yield) {
				return
			}
		}
	}
}

func (s *snapshot) backFile(i int, yield func(Entry, error) bool) bool {
	f, size, err := s.open(i)
	if err != nil {
		return yield(Entry{}, err) && false
	}
	defer f.Close()
	lines := newBackLines(f, size, blockSize)
	for {
		line, off, _, err := lines.prev()
		e := Entry{File: s.days[i], Offset: off}
		var long *tooLong
		switch {
		case err == io.EOF:
			return true
		case errors.As(err, &long):
			if !yield(e, &LineError{e.File, 0, e.Offset, err.Error()}) {
				return false
			}
		case err != nil:
			return yield(Entry{}, err) && false
		default:
			if !yieldLine(e, line, yield) {
				return false
			}
		}
	}
}
