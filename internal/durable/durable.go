// Package durable writes files so that they survive a crash of the machine: a file
// made by WriteNew is complete and on the disk, or does not exist. It writes a
// temporary file, fsyncs it, renames it, and fsyncs the directory.
//
// "On the disk" means what fsync (F_FULLFSYNC on macOS) says. A disk that
// acknowledges a flush without doing it loses data with this package, too.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WriteNew makes the file path with the contents data. If it returns nil, the file
// and its name are on the disk. After an error there is no file of this call at
// path, and an existing file is unchanged.
//
// perm is the file's mode from the beginning (minus the umask), so a secret can
// never be read. The error wraps fs.ErrExist if there is anything at path, even a
// broken symbolic link, and fs.ErrNotExist if the directory is missing.
//
// A process killed inside WriteNew may leave a file ".<name>.tmp-<digits>" beside
// path. It is never read and may be deleted.
func WriteNew(path string, data []byte, perm fs.FileMode) error {
	return WriteNewFrom(path, perm, writing(data))
}

// WriteNewFrom is [WriteNew] for contents of any length, which write writes. If
// write fails there is no file, and the error is that of write.
func WriteNewFrom(path string, perm fs.FileMode, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil { // fail before all the work
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

// writeTemp makes a new file in path's directory with what write writes, and syncs
// it.
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

// MkdirAll makes the directory path and its missing parents. Every directory that
// it makes gets perm (minus the umask) and is on the disk when MkdirAll returns.
// Existing directories keep their modes.
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
		// Another process may have made it first.
		if st, serr := os.Stat(path); serr == nil && st.IsDir() {
			return nil
		}
		return err
	}
	return SyncDir(parent)
}
