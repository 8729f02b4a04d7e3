package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrChanged is Replace's error if the file no longer has the contents that the
// caller read.
var ErrChanged = errors.New("the file has changed since it was read")

// Replace replaces old, the contents of the file path, by new. If it returns nil,
// the file is complete and on the disk; after an error it is unchanged. It keeps
// mode and owner. It also keeps the group, unless this user may not give files to
// it: then regrouped is true, and only the owner may access the file. Hard links,
// access lists and extended attributes are lost. A symbolic link is refused, not
// followed: resolve it first.
//
// A program that does not know of this one may still write between the last
// comparison and the rename, and its change is lost. That time is some
// microseconds.
//
// The error is [ErrChanged], fs.ErrPermission for a file without write permission
// (though renaming would not need it), or one of the system.
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
