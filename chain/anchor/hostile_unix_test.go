//go:build unix

package anchor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
)

// TestOddFiles: pipes, directories, links and files of a terabyte in place of a store's
// files are an error, or are of no use: nothing waits for them, holds them or writes
// through them.
func TestOddFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	s := newScene(t, Settings{})
	s.add(1)
	s.anchor()
	target := filepath.Join(t.TempDir(), "target")
	for _, name := range append([]string{keyName}, files...) {
		path := filepath.Join(s.store.Dir, name)
		good, gone := os.ReadFile(path)
		for kind, put := range map[string]func() error{
			"pipe":      func() error { return syscall.Mkfifo(path, 0o600) },
			"directory": func() error { return os.Mkdir(path, 0o700) },
			"device":    func() error { return os.Symlink("/dev/zero", path) },
			"link":      func() error { return os.Symlink(target, path) },
			"terabyte":  func() error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
		} {
			if err := errors.Join(os.WriteFile(target, []byte("of somebody else"), 0o600), os.RemoveAll(path), put()); err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 1)
			go func() {
				st, err := Open(s.store.Dir)
				if err != nil {
					errs <- err
					return
				}
				_, extended := st.Anchor(context.Background(), Options{Log: s.log, Own: true})
				_, _, _, proved := st.Prove(chain.Hash{1})
				_, claimed := st.Claims(nil, nil)
				_, kit := st.Kit()
				errs <- errors.Join(extended, proved, claimed, kit, st.remember(anchored{}))
			}()
			select {
			case err := <-errs:
				if err != nil && strings.ContainsAny(err.Error(), "\x1b\x00") {
					t.Errorf("%s, a %s: %q", name, kind, err)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s, a %s: it waits", name, kind)
			}
			if b, err := os.ReadFile(target); err != nil || string(b) != "of somebody else" {
				t.Errorf("%s, a %s: written through, %v: %q", name, kind, err, b)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if gone == nil {
				if err := os.WriteFile(path, good, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	os.Remove(filepath.Join(s.store.Dir, stateName))
	s.grows(1, 0)
}
