package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrChanged is Replace's error where the file no longer holds what the caller
// read from it.
var ErrChanged = errors.New("the file has changed since it was read")

// Replace puts new in the place of old, the content of the file path: on
// return nil it is whole and on the disk, on any error the file is as it was.
// Mode and owner stay; so does the group, unless this user may not give files to it:
// then regrouped is true, and the file is for its owner alone. Hard links, access lists and extended attributes do not
// follow. A symbolic link is not followed but refused: resolve it.
//
// Writers that do not know of each other cannot be kept apart for good: between
// the last comparison and the rename another one may still write, and is lost.
// That is some microseconds.
//
// Errors: ErrChanged, fs.ErrPermission for a file without write permission,
// though renaming would not need it, and those of the system.
func Replace(path string, old, new []byte) (regrouped bool, err error) {
	st, err := replaceable(path)
	if err != nil {
		return false, err
	}
	tmp, err := writeTemp(path, 0o600, writing(new))
	if err != nil {
		return false, err
	}
	regrouped, err = keep(tmp, st)
	if err == nil {
		err = unchanged(path, old)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return false, err
	}
	return regrouped, SyncDir(filepath.Dir(path))
}

// Replaceable says why [Replace] would not replace the file at path, as far as can
// be seen without doing so.
func Replaceable(path string) error {
	_, err := replaceable(path)
	return err
}

func replaceable(path string) (fs.FileInfo, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("replacing %s: not a regular file", path)
	}
	if st.Mode().Perm()&0o200 == 0 {
		return nil, &fs.PathError{Op: "replace", Path: path, Err: fs.ErrPermission}
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // only for the permission
	if err != nil {
		return nil, err
	}
	return st, f.Close()
}

func unchanged(path string, old []byte) error {
	now, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(now, old) {
		err = fmt.Errorf("replacing %s: %w", path, ErrChanged)
	}
	return err
}
