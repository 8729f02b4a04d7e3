//go:build unix

package check

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReplaysNoFile: what is in the place of a file of used receipts, perhaps to hold a
// check up, is an error at once that names it, and no receipt passes.
func TestReplaysNoFile(t *testing.T) {
	const name = "1970-01-01T00.used"
	for what, put := range map[string]func(path string) error{
		"directory":           func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":                func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device":              func(path string) error { return os.Symlink("/dev/null", path) },
		"link to itself":      func(path string) error { return os.Symlink(name, path) },
		"link to a directory": func(path string) error { return os.Symlink("/", path) },
	} {
		t.Run(what, func(t *testing.T) {
			r := &replays{dir: t.TempDir()}
			defer r.close()
			if err := put(filepath.Join(r.dir, name)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				done := make(chan error, 1)
				go func() {
					at, err := r.take([]use{useNumber(1)}, time.Unix(0, 0))
					if at >= 0 {
						err = errors.Join(err, errors.New("called used before"))
					}
					done <- err
				}()
				select {
				case err := <-done:
					if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "used before") {
						t.Errorf("the error is %v", err)
					}
				case <-time.After(time.Minute):
					t.Fatal("it waits")
				}
			}
		})
	}
}
