package chain

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// A Tail reads what is appended to a log on the disk after a [Snapshot] of it, by
// whatever writers, in this day's file and in those of later days. It takes no lock,
// keeps no file open, and reads only whole lines: what a crash has left of one is not
// read, neither where it is nor where a writer moves it.
type Tail struct {
	dir   string
	files map[string]*tailed
	begun string // the newest day file of the snapshot
}

// tailed is a day file that is watched.
type tailed struct {
	size  int64      // as it was last seen; -1: it is to be read in any case
	mod   time.Time  // likewise
	end   int64      // of the lines that were read
	marks []tailMark // of the last of them, oldest first
}

// tailMark is a line that was read. A writer takes its last record away again if it
// could not be synced, and writes another one there.
type tailMark struct {
	off, end int64
	sum      [sha256.Size]byte
}

const (
	tailFiles = 3 // day files that are watched: writers at midnight use two
	tailMarks = 16
)

// NewTail returns a Tail that begins where s ends. s must be of a directory on the
// disk.
func NewTail(s *Snapshot) (*Tail, error) {
	if s.dir == "" {
		return nil, errors.New("only a log in a directory can be followed")
	}
	t := &Tail{dir: s.dir, files: map[string]*tailed{}}
	for i := max(0, len(s.days)-tailFiles); i < len(s.days); i++ {
		t.begun = s.days[i]
		f, size, err := openFile(s.fsys, s.days[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is compressed: nothing is appended to it
		}
		if err != nil {
			return nil, err
		}
		if i == len(s.days)-1 {
			size = min(size, s.newest)
		}
		end, err := wholeLines(f.(io.ReaderAt), size)
		f.Close()
		if err != nil {
			return nil, err
		}
		t.files[s.days[i]] = &tailed{end: end}
	}
	return t, nil
}

// wholeLines is where the last whole line ends in the first size bytes of f.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		part := buf[:min(end, int64(len(buf)))]
		if n, err := f.ReadAt(part, end-int64(len(part))); n < len(part) {
			return 0, err
		}
		end -= int64(len(part))
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return end + int64(i) + 1, nil
		}
	}
	return 0, nil
}

// Read takes the lines that were appended since it was called last, and returns when
// there are no more. For a line that is not a record, bad is not nil, and e has only
// its position. The slices of e are take's to keep. The error is that of take, or says
// that the log cannot be read; a later Read goes on. A log that is not there has no
// lines.
func (t *Tail) Read(take func(e Entry, bad *LineError) error) error {
	l, err := list(dirFS(t.dir))
	if err != nil {
		return err
	}
	// A file of an earlier day than all that were there is no writer's.
	days := slices.DeleteFunc(l.days, func(day string) bool { return t.files[day] == nil && day < t.begun })
	days = days[max(0, len(days)-tailFiles):]
	for day := range t.files {
		if !slices.Contains(days, day) {
			delete(t.files, day)
		}
	}
	for _, day := range days {
		if t.files[day] == nil {
			t.files[day] = &tailed{}
		}
		if err := t.readFile(day, t.files[day], take); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) readFile(day string, f *tailed, take func(Entry, *LineError) error) error {
	file, st, err := openRegular(filepath.Join(t.dir, day), 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was moved away just now
	} else if err != nil {
		return err
	}
	defer file.Close()
	if st.Size() == f.size && st.ModTime().Equal(f.mod) {
		return nil
	}
	if lost, err := f.settle(file, st.Size()); err != nil {
		return err
	} else if lost {
		bad := &LineError{day, 0, f.end, "what was there has been changed: what follows is not all that was appended"}
		if err := take(Entry{File: day, Offset: f.end}, bad); err != nil {
			return err
		}
	}
	f.size, f.mod = st.Size(), st.ModTime()
	r := bufio.NewReaderSize(io.NewSectionReader(file, f.end, f.size-f.end), 64<<10)
	for {
		line, size, err := readLine(r)
		switch {
		case err == io.EOF:
			return nil // the rest is no whole line
		case err != nil:
			f.size = -1
			return err
		}
		off := f.end
		f.pass(off+size, line)
		if line == nil {
			bad := &LineError{day, 0, off, (&tooLong{off: off, end: off + size, ended: true}).Error()}
			err = take(Entry{File: day, Offset: off}, bad)
		} else {
			err = takeLine(day, off, trimMark(bytes.TrimSuffix(line, []byte{'\n'}), off), take)
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads a line with its newline; nil, if it is longer than maxLine.
func readLine(r *bufio.Reader) (line []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if size += int64(len(part)); size <= maxLine {
			line = append(line, part...)
		} else {
			line = nil
		}
		if err != bufio.ErrBufferFull {
			return line, size, err
		}
	}
}

func takeLine(day string, off int64, line []byte, take func(Entry, *LineError) error) error {
	if blank(line) {
		return nil
	}
	e, err := ParseEntry(line)
	e.File, e.Offset = day, off
	if err != nil {
		return take(e, &LineError{day, 0, off, err.Error()})
	}
	return take(e, nil)
}

// settle goes back to the last line that was read and is still there. lost says that
// none is; then it goes on at the end.
func (f *tailed) settle(file io.ReaderAt, size int64) (lost bool, err error) {
	for ; len(f.marks) > 0; f.marks = f.marks[:len(f.marks)-1] {
		m := f.marks[len(f.marks)-1]
		if m.end <= size {
			sum, err := hashPart(file, m.off, m.end)
			if err != nil || sum == m.sum {
				return false, err
			}
		}
		f.end = m.off
	}
	// Of the lines before it is only known that one ends there.
	var last [1]byte
	if f.end > 0 && f.end <= size {
		if _, err := file.ReadAt(last[:], f.end-1); err != nil {
			return false, err
		}
	}
	if f.end == 0 || last[0] == '\n' {
		return false, nil
	}
	f.end, err = wholeLines(file, size)
	return true, err
}

// hashPart is the hash of a part of a file.
func hashPart(file io.ReaderAt, off, end int64) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(file, off, end-off)); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// pass notes that a line was read; nil: it is too long to be noted.
func (f *tailed) pass(end int64, line []byte) {
	mark := tailMark{f.end, end, sha256.Sum256(line)}
	if f.end = end; line == nil {
		f.marks = nil
		return
	}
	if len(f.marks) == tailMarks {
		f.marks = slices.Delete(f.marks, 0, 1)
	}
	f.marks = append(f.marks, mark)
}
