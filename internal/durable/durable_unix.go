//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// SyncDir puts the names in the directory path on the disk. On Windows, which
// journals names, it does nothing.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	// Some file systems (FUSE, SMB) have no such thing as syncing a directory and
	// say so; there is nothing more to be had from them.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// Lock waits until f is locked against every other opening of the same file,
// in this process or another. The lock goes with the process: it needs no
// cleaning up after a crash. Not to be relied on over NFS.
func Lock(f *os.File) error { return flock(f, syscall.LOCK_EX) }

// TryLock is Lock without the waiting. It reports whether it has the lock.
func TryLock(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// Unlock gives up what Lock or TryLock took.
func Unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	return control("flock", f, func(fd int) error { return syscall.Flock(fd, how) })
}

// control runs a system call on f's descriptor, again if a signal cut it short.
func control(op string, f *os.File, call func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := rc.Control(func(fd uintptr) {
		for {
			if failed = call(int(fd)); failed != syscall.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	if failed != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: failed}
	}
	return nil
}
