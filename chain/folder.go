package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

const (
	daySuffix     = ".jsonl"
	lockName      = ".lock"  // of all writers of this package
	lockSuffix    = ".lock"  // behind a day file's name: the reference's lock
	tornInfix     = ".torn-" // behind a day file's name, and the offset behind it
	pendingSuffix = ".pending"
)

// listing is what a log's folder holds. Names are in order.
type listing struct {
	days    []string // day files, oldest first
	torn    []string // lines set aside
	pending []string // lines set aside that no event in the log tells of yet
	ignored []string // ends in .jsonl and is no day file; the reference would read it
}

// list reads the folder. No folder is an empty one. Anything named like a day
// file that is not a regular file is an error: following it could read from
// elsewhere, or wait for ever.
func list(dir string) (l listing, err error) {
	all, err := os.ReadDir(dir)
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
				return l, notRegular(filepath.Join(dir, name), e.Type())
			}
			l.days = append(l.days, name)
		case strings.HasPrefix(rest, tornInfix) && e.Type().IsRegular():
			if strings.HasSuffix(rest, pendingSuffix) {
				l.pending = append(l.pending, name)
			} else {
				l.torn = append(l.torn, name)
			}
		}
	}
	return l, nil
}

func isDay(s string) bool {
	_, err := time.Parse(dayForm, s)
	return err == nil
}

// dayOf is when the day of a day file begins.
func dayOf(name string) time.Time {
	t, _ := time.Parse(dayForm, strings.TrimSuffix(name, daySuffix))
	return t
}

func dayFile(t time.Time) string { return t.UTC().Format(dayForm) + daySuffix }

func notRegular(path string, mode fs.FileMode) error {
	kind := "not a regular file"
	switch {
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("is %s, not a regular file", kind)}
}

// openRegular opens path as os.OpenFile does, but only if it is a regular file,
// and never waits. The information is that of the open file.
func openRegular(path string, flag int, perm fs.FileMode) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, flag|openNoFollow, perm)
	if err != nil {
		if st, serr := os.Lstat(path); serr == nil && !st.Mode().IsRegular() {
			err = notRegular(path, st.Mode())
		}
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = notRegular(path, st.Mode())
	}
	if err == nil && openNoFollow == 0 { // Windows: ask for the name itself
		var name fs.FileInfo
		if name, err = os.Lstat(path); err == nil && !name.Mode().IsRegular() {
			err = notRegular(path, name.Mode())
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, st, nil
}

// A snapshot is a log as it was at one moment: the files and how much of the
// newest one is part of it. Records appended later are not.
type snapshot struct {
	dir string
	listing
	newest int64 // size of the last day file, in bytes
}

// snapshotWait is how long a reader waits for a writer to finish its line.
const snapshotWait = time.Second

// takeSnapshot holds the writers' locks for a moment, so that no half-written
// line is seen. Where it may not, or a writer is stuck, it looks without.
func takeSnapshot(dir string) (snapshot, error) {
	s := snapshot{dir: dir}
	unlock := peekLock(filepath.Join(dir, lockName))
	defer unlock()
	var err error
	if s.listing, err = list(dir); err != nil || len(s.days) == 0 {
		return s, err
	}
	newest := filepath.Join(dir, s.days[len(s.days)-1])
	unlockDay := peekLock(newest + lockSuffix)
	defer unlockDay()
	st, err := os.Lstat(newest)
	if err != nil {
		return s, err
	}
	s.newest = st.Size()
	return s, nil
}

// peekLock takes an existing lock file's lock without writing to the folder.
func peekLock(path string) (unlock func()) {
	f, _, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return func() {}
	}
	for end := time.Now().Add(snapshotWait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got, err := durable.TryLock(f); got || err != nil {
			break
		}
	}
	return func() { f.Close() } // and the lock goes with it
}

// open opens the i-th day file for reading and says how many of its bytes
// belong to the snapshot.
func (s *snapshot) open(i int) (*os.File, int64, error) {
	f, st, err := openRegular(filepath.Join(s.dir, s.days[i]), os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, err
	}
	size := st.Size()
	if i == len(s.days)-1 {
		size = min(size, s.newest)
	}
	return f, size, nil
}

// sizeOf is how many bytes of the i-th day file belong to the snapshot, as far as
// it can be known.
func (s *snapshot) sizeOf(i int) int64 {
	if i == len(s.days)-1 {
		return s.newest
	}
	st, err := os.Lstat(filepath.Join(s.dir, s.days[i]))
	if err != nil {
		return 0
	}
	return st.Size()
}
