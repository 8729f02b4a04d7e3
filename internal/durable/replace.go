package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	regrouped, _, err = replace(path, old, new)
	return regrouped, err
}

// replace says also whether it failed since no new file can come to path.
func replace(path string, old, new []byte) (regrouped, fixed bool, err error) {
	st, err := replaceable(path)
	if err != nil {
		return false, false, err
	}
	tmp, err := writeTemp(path, 0o600, writing(new))
	if err != nil {
		return false, takesNoFile(err), err
	}
	regrouped, err = keep(tmp, st)
	if err == nil {
		err = unchanged(path, old)
	}
	if err == nil {
		err = os.Rename(tmp, path)
		fixed = isMount(err)
	}
	if err != nil {
		os.Remove(tmp)
		return false, fixed, err
	}
	return regrouped, false, SyncDir(filepath.Dir(path))
}

// ReplaceOrOverwrite is [Replace] for a file of which the caller has kept a copy. It
// writes in place, and says so, where the file has other names (hard links), which
// a new file would not have; where it is a mount of its own, as in containers; and
// where its directory takes no new file. A crash of the machine, or of this
// process, in the middle of that leaves a mixture of old and new. A write that
// fails is undone as far as the system lets it.
func ReplaceOrOverwrite(path string, old, new []byte) (regrouped, inPlace bool, err error) {
	if st, err := os.Lstat(path); err == nil && hardLinked(st) {
		if _, err := replaceable(path); err != nil {
			return false, false, err
		}
		return false, true, overwrite(path, old, new)
	}
	regrouped, fixed, err := replace(path, old, new)
	if fixed {
		return false, true, overwrite(path, old, new)
	}
	return regrouped, false, err
}

// overwrite is ReplaceOrOverwrite in place.
func overwrite(path string, old, new []byte) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	now, err := io.ReadAll(io.LimitReader(f, int64(len(old))+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) {
		return changed(path)
	}
	if err := put(f, new); err != nil {
		if back := put(f, old); back != nil {
			return fmt.Errorf("%w; the file is now in part the old and in part the new one: %w", err, back)
		}
		return err
	}
	return nil
}

// put makes data the content of f, on the disk.
func put(f *os.File, data []byte) error {
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
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
		err = changed(path)
	}
	return err
}

func changed(path string) error { return fmt.Errorf("replacing %s: %w", path, ErrChanged) }
