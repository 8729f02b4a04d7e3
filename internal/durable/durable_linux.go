package durable

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sync puts f's content on the disk, and its size, which is all of the
// metadata that reading it back needs: fdatasync(2) spares the write of the
// modification time that fsync makes.
func Sync(f *os.File) error { return control("fdatasync", f, unix.Fdatasync) }

// renameNew renames from to to unless there is a to.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	// NFS and old kernels do not know the flag.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return linkNew(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
