//go:build unix

package chain

import (
	"os"
	"syscall"
)

// openNoFollow makes open(2) refuse a symbolic link, and not wait for the other end
// of a pipe.
const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func truncate(f *os.File, size int64) error { return f.Truncate(size) }
