//go:build unix

package keys

import (
	"os"
	"syscall"
)

// openFile opens path for reading. With O_NONBLOCK, opening a FIFO without a writer
// does not wait.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// openLock opens the lock file path, and creates it if needed. It does not wait for
// the other end of a FIFO either.
func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0o600)
}
