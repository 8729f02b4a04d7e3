package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Sync puts f's content and size on the disk.
func Sync(f *os.File) error { return f.Sync() }

// SyncDir does nothing: NTFS journals names, and a directory cannot be flushed.
func SyncDir(string) error { return nil }

// renameNew renames from to to unless there is a to. os.Rename would replace.
func renameNew(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(f, t, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Lock waits until f is locked against every other opening of the same file,
// in this process or another. The lock goes with the process.
func Lock(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// TryLock is Lock without the waiting. It reports whether it has the lock.
func TryLock(f *os.File) (bool, error) {
	err := lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// Unlock gives up what Lock or TryLock took.
func Unlock(f *os.File) error {
	err := windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockedByte())
	return pathError("unlock", f, err)
}

// lockedByte is the one byte that Lock locks, far beyond any file's end: locks
// are mandatory on Windows and a locked byte could not be read.
func lockedByte() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 0x7fffffff} }

func lockFile(f *os.File, flags uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, lockedByte())
	return pathError("lock", f, err)
}

func pathError(op string, f *os.File, err error) error {
	if err != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: err}
	}
	return nil
}
