//go:build unix

package keys

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// Opening a FIFO that nobody writes to waits for ever unless told not to. (If
// this test hangs, that is its failure.)
func TestFIFO(t *testing.T) {
	for _, half := range []string{".key", ".pub"} {
		s := plainStore(t)
		path := s.Dir + "/k" + half
		os.Remove(path)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		refusedHalf(t, s, half, "not a regular file")
	}
	// A device has no end.
	s := Store{t.TempDir()}
	symlink(t, "/dev/zero", s.keyPath("k"))
	var fe *FileError
	if _, err := s.Load("k", nil); !errors.As(err, &fe) {
		t.Errorf("load: %v, want a FileError", err)
	}
}
