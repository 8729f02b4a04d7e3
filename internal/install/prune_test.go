package install

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Old states of a file go, but never what is needed: what names a wrapped server,
// the file as it was before the first of these, and unwrappings that would let a
// server count as lost.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "backup")
	put(t, path, small)
	put(t, filepath.Join(dir, "other.json"), small)
	now := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	change := func(path string, wrapper Wrapper, wrap bool, names ...string) {
		t.Helper()
		now = now.Add(time.Second)
		c := open(t, path)
		pick := func(e *Entry) bool { return slices.Contains(names, e.Name) }
		data, chosen, err := c.Doc.Unwrap(pick)
		if wrap {
			data, chosen, err = c.Doc.Wrap(func(e *Entry) (Wrapper, bool) { return wrapper, pick(e) })
		}
		if err != nil || len(chosen) != len(names) {
			t.Fatal(len(chosen), err)
		}
		if _, err := c.Write(backups, wrap, data, chosen, now); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (n int) {
		t.Helper()
		dirs, err := os.ReadDir(backups)
		if err != nil {
			t.Fatal(err)
		}
		return len(dirs)
	}

	change(filepath.Join(dir, "other.json"), wrapper, true, "a", "b")
	change(path, wrapper, true, "b")
	change(path, wrapper, false, "b") // forgotten, it would be lost
	change(path, wrapper, true, "a")
	original := now
	for i := range 3 * maxBackups { // "a" gets other flags, "b" comes and goes
		change(path, Wrapper{Path: wrapper.Path, Flags: []string{"--key", strings.Repeat("k", i+1)}}, true, "a")
		if i%3 == 0 {
			change(path, wrapper, true, "b")
			change(path, wrapper, false, "b")
		}
	}
	if n, most := kept(), maxBackups+3; n > most {
		t.Errorf("%d are kept, want at most %d", n, most)
	}
	content(t, filepath.Join(backups, original.Format(stamp)+"-cursor", "mcp.json"), small)

	past, err := ReadPast(backups)
	if err != nil {
		t.Fatal(err)
	}
	if files := past.Files(); len(files) != 2 {
		t.Errorf("%d files are known, want 2", len(files))
	}
	lost := func(path string) (names string) {
		put(t, path, small)
		c := open(t, path)
		for _, e := range c.Doc.Entries {
			if past.Lost(c, e) {
				names += e.Name
			}
		}
		return names
	}
	if got := lost(path); got != "a" {
		t.Errorf("lost %q, want a", got)
	}
	if got := lost(filepath.Join(dir, "other.json")); got != "ab" {
		t.Errorf("of the other file lost %q, want ab", got)
	}

	// Of what is not wrapped any more nothing is needed.
	for range maxBackups {
		change(path, wrapper, true, "a", "b")
		change(path, wrapper, false, "a", "b")
	}
	if n, want := kept(), maxBackups+1; n != want {
		t.Errorf("%d are kept, want %d", n, want)
	}
	if past, err = ReadPast(backups); err != nil || lost(path) != "" {
		t.Errorf("lost %q, %v", lost(path), err)
	}
}
