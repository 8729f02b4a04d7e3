//go:build !windows

package durable

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// As root, the owner of the file stays who it was.
func TestReplaceKeepsTheOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12, 34); err != nil {
		t.Skip("only root can give files away")
	}
	if _, err := Replace(path, nil, []byte("new")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Sys().(*syscall.Stat_t); s.Uid != 12 || s.Gid != 34 {
		t.Errorf("owner %d:%d", s.Uid, s.Gid)
	}
}
