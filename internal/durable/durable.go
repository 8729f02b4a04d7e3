// Package durable writes files so that they survive what may happen to a
// machine: a file made by WriteNew is there whole and on the disk, or it is not
// there at all. The recipe is the old one: write beside, fsync the file, rename,
// fsync the directory.
//
// "On the disk" means what fsync (F_FULLFSYNC on macOS) is told to mean. A disk
// that acknowledges a flush it has not done loses data with this package as
// with any other.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WriteNew makes the file path with the content data. On return nil the file
// and its name are on the disk; on any error there is no file of this call's
// at path, and one that stood there before is untouched.
//
// perm is the file's mode from its first byte on (less the umask): no moment
// at which a secret could be read. The error wraps fs.ErrExist if there is
// anything at path, be it a broken symbolic link, and fs.ErrNotExist if there
// is no directory to hold it.
//
// A process killed inside WriteNew may leave a file ".<name>.tmp-<digits>"
// beside path. Nobody reads it and it may be deleted.
func WriteNew(path string, data []byte, perm fs.FileMode) error {
	return WriteNewFrom(path, perm, writing(data))
}

// WriteNewFrom is [WriteNew] for content of any length, which write writes. If
// write fails there is no file, and the error is that of write.
func WriteNewFrom(path string, perm fs.FileMode, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil { // say so before all the work
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	tmp, err := writeTemp(path, perm, write)
	if err != nil {
		return err
	}
	if err := renameNew(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// writing writes data.
func writing(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// writeTemp makes a new file in path's directory, with what write writes, synced.
func writeTemp(path string, perm fs.FileMode, write func(io.Writer) error) (name string, err error) {
	f, err := createTemp(path, perm)
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// MkdirAll makes the directory path and what is missing above it. Every directory it
// makes gets perm (less the umask) and is on the disk when MkdirAll returns;
// those that were there keep their modes.
func MkdirAll(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, perm); err != nil {
		// Another process may have been quicker, which is as good.
		if st, serr := os.Stat(path); serr == nil && st.IsDir() {
			return nil
		}
		return err
	}
	return SyncDir(parent)
}
