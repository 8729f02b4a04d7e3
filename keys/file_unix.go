//go:build !windows

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
