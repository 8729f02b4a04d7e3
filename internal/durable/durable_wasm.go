package durable

import (
	"errors"
	"io/fs"
	"os"
)

// Neither js nor wasip1 has locks, so nothing is written there that needs one.

// SyncDir does nothing.
func SyncDir(string) error { return nil }

// Lock fails.
func Lock(f *os.File) error {
	return &fs.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

// TryLock fails.
func TryLock(f *os.File) (bool, error) { return false, Lock(f) }

// Unlock fails.
func Unlock(f *os.File) error { return Lock(f) }
