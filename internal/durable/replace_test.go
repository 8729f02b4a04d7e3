package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil { // more than the umask lets pass
		t.Fatal(err)
	}
	if _, err := Replace(path, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new", 0o666)
	if _, err := Replace(path, []byte("old"), []byte("newer")); !errors.Is(err, ErrChanged) {
		t.Fatalf("a file that has changed: %v", err)
	}
	want(t, path, "new", 0o666)
	wantNames(t, dir, "a.json")
}

func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := os.WriteFile(path, []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := Replace(path, []byte("old"), []byte("new")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file that is read-only: %v", err)
	}
	want(t, path, "old", 0o400)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a.json", link); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	} else if err == nil {
		if _, err := Replace(link, []byte("old"), []byte("new")); err == nil {
			t.Error("a link was replaced")
		}
		os.Remove(link)
	}
	if _, err := Replace(filepath.Join(dir, "none"), nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	wantNames(t, dir, "a.json")
}

func want(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%q, %v, want %q", got, err, content)
	}
	if st, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || st.Mode() != mode) {
		t.Errorf("mode %v, %v, want %v", st.Mode(), err, mode)
	}
}
