package chain

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Snapshot is a log as it was at one time: its files, and the size of the newest.
// What is appended later is not part of it, so two readings of one Snapshot have
// the same records. It keeps no file open.
type Snapshot struct {
	fsys fs.FS
	dir  string
	listing
	newest int64 // size of the last day file, in bytes
}

// TakeSnapshotFS returns the log in the root directory of fsys, such as an archive
// or an embedded directory, as it is now; a missing directory is an empty log.
// Nothing may be appended to it meanwhile. For a directory on the disk use
// [TakeSnapshot], which locks out writers and opens only regular files.
//
// A file without ReadAt, such as one in a zip archive, is read from its beginning.
// With [ReadOptions].Backward the whole file, 1 GiB at most, is then read into
// memory.
func TakeSnapshotFS(fsys fs.FS) (*Snapshot, error) {
	s := &Snapshot{fsys: fsys}
	var err error
	if s.listing, err = list(fsys); err != nil {
		return nil, err
	}
	return s, s.measure()
}

// measure gets the size of the newest day file.
func (s *Snapshot) measure() error {
	if len(s.days) == 0 {
		return nil
	}
	if s.newest = unknownSize; s.packed[s.days[len(s.days)-1]] {
		return nil // nothing is ever appended to it
	}
	st, err := fs.Stat(s.fsys, s.days[len(s.days)-1])
	if err != nil {
		return err
	}
	s.newest = st.Size()
	return nil
}

// Dir returns the log's directory, as given to [TakeSnapshot]; "" for another file
// system.
func (s *Snapshot) Dir() string { return s.dir }

// Days returns the names of the day files, oldest first, those of compressed ones
// without .gz.
func (s *Snapshot) Days() []string { return slices.Clone(s.days) }

// A Position is the beginning of a line. The zero Position is before all others.
type Position struct {
	File   string // name of the day file
	Offset int64  // of the line's first byte
}

// Compare returns -1, 0 or 1 if p is before q, equal, or after it in the log.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Offset, q.Offset))
}

// open opens the i-th day file and returns how many of its bytes belong to the
// snapshot; unknownSize: all, of a compressed file.
func (s *Snapshot) open(ctx context.Context, i int, backward bool) (readerAt, int64, error) {
	f, size, packed, err := openDay(s.fsys, s.days[i], s.packed[s.days[i]])
	if err != nil {
		return nil, 0, err
	}
	if packed {
		return s.unpack(ctx, f, size, s.days[i], backward)
	}
	if i == len(s.days)-1 {
		size = min(size, s.newest)
	}
	r, err := s.atOffsets(f, s.days[i], size, backward)
	return r, size, err
}

// unpack makes a compressed day file readable.
func (s *Snapshot) unpack(ctx context.Context, f fs.File, size int64, name string, backward bool) (readerAt, int64, error) {
	u, err := newUnpacker(ctx, f, size)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if backward {
		return u.expand()
	}
	open := func() (fs.File, error) {
		f, size, err := openFile(s.fsys, name+packedSuffix)
		if err != nil {
			return nil, err
		}
		return newUnpacker(ctx, f, size)
	}
	return &sequential{open: open, f: u, held: -1}, unknownSize, nil
}

// sizeOf is how many bytes of the i-th day file belong to the snapshot; 0 if that
// is not known.
func (s *Snapshot) sizeOf(i int) int64 {
	if s.packed[s.days[i]] {
		f, size, err := openFile(s.fsys, s.days[i]+packedSuffix)
		if err != nil {
			return 0
		}
		defer f.Close()
		return packedSize(f, size)
	}
	if i == len(s.days)-1 {
		return s.newest
	}
	st, err := fs.Stat(s.fsys, s.days[i])
	if err != nil {
		return 0
	}
	return st.Size()
}

const (
	daySuffix     = ".jsonl"
	lockName      = ".lock"  // lock between all writers of this package
	lockSuffix    = ".lock"  // after a day file's name: the reference's lock
	tornInfix     = ".torn-" // after a day file's name, and the offset after it
	pendingSuffix = ".pending"
)

// listing is the names in a log's directory, each list in order.
type listing struct {
	days    []string        // day files, oldest first, without packedSuffix
	packed  map[string]bool // of days: those of which only the compressed file is there
	both    []string        // days of which both files are there
	ends    []string        // days that have ends: see ends.go
	torn    []string        // quarantined lines
	pending []string        // quarantined lines without an event in the log yet
	odd     []string        // names of quarantined lines that are not regular files
	ignored []string        // other names that end in .jsonl; the reference would read them
}

// list reads the directory. A missing directory is empty. Anything with the name of
// a day file that is not a regular file is an error: a link could lead elsewhere,
// and a pipe could wait forever.
func list(fsys fs.FS) (l listing, err error) {
	all, err := fs.ReadDir(fsys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	for _, e := range all {
		name := e.Name()
		day, rest, found := strings.Cut(name, daySuffix)
		switch {
		case !found:
			if day, ok := strings.CutSuffix(name, endsSuffix); ok && isDay(day) && e.Type().IsRegular() {
				l.ends = append(l.ends, day+daySuffix)
			}
		case !isDay(day):
			if rest == "" {
				l.ignored = append(l.ignored, name)
			}
		case rest == "", rest == packedSuffix:
			if !e.Type().IsRegular() {
				return l, irregular(fsys, name, e.Type())
			}
			l.add(day+daySuffix, rest != "")
		case !strings.HasPrefix(rest, tornInfix):
		case !e.Type().IsRegular():
			l.odd = append(l.odd, name)
		case strings.HasSuffix(rest, pendingSuffix):
			l.pending = append(l.pending, name)
		default:
			l.torn = append(l.torn, name)
		}
	}
	return l, nil
}

// add adds a day file. Names come in order: that of a compressed file after the other's.
func (l *listing) add(day string, packed bool) {
	if n := len(l.days); n > 0 && l.days[n-1] == day {
		l.both = append(l.both, day)
		return
	}
	if l.days = append(l.days, day); packed {
		if l.packed == nil {
			l.packed = map[string]bool{}
		}
		l.packed[day] = true
	}
}

// irregular is the error for a file that is not regular, if possible that of its
// file system, which knows the path.
func irregular(fsys fs.FS, name string, mode fs.FileMode) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	f.Close()
	return notRegular(name, mode)
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// dayOf is when the day of a day file begins.
func dayOf(name string) time.Time {
	t, _ := time.Parse(time.DateOnly, strings.TrimSuffix(name, daySuffix))
	return t
}

func dayFile(t time.Time) string { return t.UTC().Format(time.DateOnly) + daySuffix }
