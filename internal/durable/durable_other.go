//go:build !linux && !windows

package durable

import "os"

// Sync puts f's content and size on the disk; on macOS with F_FULLFSYNC, as
// os.File.Sync does, for fsync(2) alone leaves them in the drive's cache there.
func Sync(f *os.File) error { return f.Sync() }

func renameNew(from, to string) error { return linkNew(from, to) }
