package chain

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

func notRegular(path string, mode fs.FileMode) error {
	kind := "not a regular file"
	switch {
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("is %s, not a regular file", kind)}
}

// openRegular opens path as os.OpenFile does, but only a regular file, and without
// waiting. The FileInfo is that of the open file.
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

// snapshotWait is how long a reader waits for a writer to finish its line.
const snapshotWait = time.Second

// TakeSnapshot returns the log in the directory dir as it is now; a missing
// directory is an empty log. It holds the writers' locks for a short time, so that
// it sees no partial line. If it may not lock, or a writer hangs for a second, it
// does without. The error says that the directory cannot be read, or has something
// other than a regular file with the name of a day file.
func TakeSnapshot(dir string) (*Snapshot, error) {
	unlock := peekLock(filepath.Join(dir, lockName))
	defer unlock()
	s := &Snapshot{fsys: dirFS(dir), dir: dir}
	var err error
	if s.listing, err = list(s.fsys); err != nil {
		return nil, err
	}
	if n := len(s.days); n > 0 {
		unlockDay := peekLock(filepath.Join(dir, s.days[n-1]+lockSuffix))
		defer unlockDay()
	}
	if err := s.measure(); err != nil {
		return nil, err
	}
	return s, nil
}

// dirFS is a log's directory on the disk. openRegular opens its files: it follows
// no links and does not wait for pipes.
type dirFS string

func (d dirFS) path(op, name string) (string, error) {
	if filepath.Base(name) != name || !filepath.IsLocal(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(string(d), name), nil
}

func (d dirFS) Open(name string) (fs.File, error) {
	path, err := d.path("open", name)
	if err != nil {
		return nil, err
	}
	f, _, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err // and not a nil *os.File
	}
	return f, nil
}

func (d dirFS) ReadDir(name string) ([]fs.DirEntry, error) {
	path, err := d.path("readdir", name)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(path)
}

func (d dirFS) Stat(name string) (fs.FileInfo, error) {
	path, err := d.path("stat", name)
	if err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// peekLock takes the lock of an existing lock file without writing to the
// directory.
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
	return func() { f.Close() } // this also releases the lock
}
