//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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

// A file with other names keeps them: all show the new content.
func TestOverwriteKeepsHardLinks(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	if err := os.WriteFile(path, []byte("the old one"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReplaceOrOverwrite(path, []byte("the new one"), []byte("new")); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that has changed: %v", err)
	}
	if _, inPlace, err := ReplaceOrOverwrite(path, []byte("the old one"), []byte("new")); err != nil || !inPlace {
		t.Fatal(inPlace, err)
	}
	for _, name := range []string{path, other} {
		want(t, name, "new", 0o640)
	}
	wantNames(t, dir, "a.json", "b.json")
}

// In a directory that takes no new file, the file is written in place.
func TestOverwriteInReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, inPlace, err := ReplaceOrOverwrite(path, []byte("old"), []byte("newer")); err != nil || !inPlace {
		t.Fatal(inPlace, err)
	}
	want(t, path, "newer", 0o640)
}

// overwriteWhenFull has a write in place fail half-way.
func overwriteWhenFull(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 8, Max: 8}
	err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	if err == nil {
		_, _, err = ReplaceOrOverwrite(path, []byte("old"), []byte("longer than eight"))
	}
	if !errors.Is(err, syscall.EFBIG) {
		fmt.Println("not the failure wanted:", err)
		os.Exit(1)
	}
}

// A write in place that fails half-way is undone.
func TestOverwriteFull(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, filepath.Join(dir, "b.json")); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DURABLE_TEST_FULL_OVERWRITE="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want(t, path, "old", 0o600)
}
