//go:build unix

package chain

import (
	"os"
	"syscall"
)

// openNoFollow has open(2) refuse a symbolic link, and not wait for a pipe's
// other end.
const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func truncate(f *os.File, size int64) error { return f.Truncate(size) }
