//go:build unix

package keys

import (
	"os"
	"syscall"
)

// openFile opens path for reading. O_NONBLOCK: opening a FIFO that nobody
// writes to would wait for ever.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// openLock opens the lock file path, which it makes if there is none. It does
// not wait for the other end of a FIFO either.
func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0o600)
}
