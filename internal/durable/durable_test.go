package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.key")
	if err := WriteNew(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteNew(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("writing over a file: %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); string(got) != "first" {
		t.Fatalf("content is %q, %v", got, err)
	}
	if runtime.GOOS != "windows" {
		if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
			t.Fatalf("mode %v, %v, want 0600", st.Mode(), err)
		}
	}
	wantNames(t, dir, "a.key")
}

func TestWriteNewKeepsWhatIsThere(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"directory":           func(p string) error { return os.Mkdir(p, 0o700) },
		"broken link":         func(p string) error { return os.Symlink("nowhere", p) },
		"link to a directory": func(p string) error { return os.Symlink(".", p) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			if err := WriteNew(path, []byte("new"), 0o600); !errors.Is(err, fs.ErrExist) {
				t.Fatalf("got %v, want fs.ErrExist", err)
			}
			wantNames(t, dir, "x")
		})
	}
	if err := WriteNew(filepath.Join(t.TempDir(), "no", "x"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("in a directory that is not there: %v, want fs.ErrNotExist", err)
	}
}

func TestWriteNewRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	const n = 16
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = WriteNew(path, []byte{byte('a' + i)}, 0o600) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Fatalf("%d and %d both won", winner, i)
		case !errors.Is(err, fs.ErrExist):
			t.Fatal(err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	if got, _ := os.ReadFile(path); string(got) != string(rune('a'+winner)) {
		t.Fatalf("content %q is not the winner's", got)
	}
	wantNames(t, dir, "x")
}

func TestMkdirAll(t *testing.T) {
	top := t.TempDir()
	if err := os.Chmod(top, 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(top, "a", "b")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := MkdirAll(path, 0o700); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runtime.GOOS != "windows" {
		for p, want := range map[string]fs.FileMode{top: 0o750, filepath.Join(top, "a"): 0o700, path: 0o700} {
			if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v, want %v", p, st.Mode(), err, want)
			}
		}
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{file, filepath.Join(file, "sub")} {
		if err := MkdirAll(p, 0o700); err == nil {
			t.Errorf("made the directory %s where a file is", p)
		}
	}
}

// wantNames fails unless dir holds just names: no temporary file is left.
func wantNames(t *testing.T, dir string, names ...string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range es {
		got = append(got, e.Name())
	}
	if len(got) != len(names) {
		t.Fatalf("%s holds %q, want %q", dir, got, names)
	}
	for i := range names {
		if got[i] != names[i] {
			t.Fatalf("%s holds %q, want %q", dir, got, names)
		}
	}
}
