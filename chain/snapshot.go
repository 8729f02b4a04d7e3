package chain

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Snapshot is a log as it was at one moment: the files and how much of the
// newest one there was. What is appended later is no part of it, so that two
// readings of one Snapshot see the same records. Nothing is kept open.
type Snapshot struct {
	fsys fs.FS
	dir  string
	listing
	newest int64 // size of the last day file, in bytes
}

// TakeSnapshotFS looks at the log in the root directory of fsys, such as an
// archive or what a program embeds; no such directory is an empty log. Nobody
// may append to it meanwhile. For a directory on the disk take [TakeSnapshot],
// which knows of writers and of what may be put in their way.
//
// A file that has no ReadAt, such as one in a zip archive, is read from its
// beginning; with [ReadOptions].Backward all of it is then held in memory.
func TakeSnapshotFS(fsys fs.FS) (*Snapshot, error) {
	s := &Snapshot{fsys: fsys}
	var err error
	if s.listing, err = list(fsys); err != nil {
		return nil, err
	}
	return s, s.measure()
}

// measure takes the size of the newest day file.
func (s *Snapshot) measure() error {
	if len(s.days) == 0 {
		return nil
	}
	st, err := fs.Stat(s.fsys, s.days[len(s.days)-1])
	if err != nil {
		return err
	}
	s.newest = st.Size()
	return nil
}

// Dir is the log's directory as [TakeSnapshot] was given it, "" for another
// file system.
func (s *Snapshot) Dir() string { return s.dir }

// Days are the names of the day files, oldest first.
func (s *Snapshot) Days() []string { return slices.Clone(s.days) }

// A Position is where a line begins. The zero Position is before all others.
type Position struct {
	File   string // name of the day file
	Offset int64  // of the line's first byte
}

// Compare orders positions as the lines of a log.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Offset, q.Offset))
}

// open opens the i-th day file for reading and says how many of its bytes
// belong to the snapshot.
func (s *Snapshot) open(i int, backward bool) (readerAt, int64, error) {
	f, size, err := s.openFile(s.days[i])
	if err != nil {
		return nil, 0, err
	}
	if i == len(s.days)-1 {
		size = min(size, s.newest)
	}
	r, err := s.atOffsets(f, s.days[i], size, backward)
	return r, size, err
}

// openFile opens a regular file and says how long it is.
func (s *Snapshot) openFile(name string) (fs.File, int64, error) {
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = notRegular(name, st.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// sizeOf is how many bytes of the i-th day file belong to the snapshot, as far as
// it can be known.
func (s *Snapshot) sizeOf(i int) int64 {
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
	lockName      = ".lock"  // of all writers of this package
	lockSuffix    = ".lock"  // after a day file's name: the reference's lock
	tornInfix     = ".torn-" // after a day file's name, and the offset after it
	pendingSuffix = ".pending"
)

// listing is what a log's directory holds. Names are in order.
type listing struct {
	days    []string // day files, oldest first
	torn    []string // quarantined lines
	pending []string // quarantined lines that no event in the log tells of yet
	odd     []string // named as quarantined lines, and no files
	ignored []string // ends in .jsonl and is no day file; the reference would read it
}

// list reads the directory. No directory is an empty one. Anything named like a
// day file that is not a regular file is an error: following it could read from
// elsewhere, or wait for ever.
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
		case !isDay(day):
			if rest == "" {
				l.ignored = append(l.ignored, name)
			}
		case rest == "":
			if !e.Type().IsRegular() {
				return l, irregular(fsys, name, e.Type())
			}
			l.days = append(l.days, name)
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

// irregular is the error of a file that is not a regular one, if possible in the
// words of its file system, which knows its path.
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
