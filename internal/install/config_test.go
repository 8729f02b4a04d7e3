package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

const small = `{"mcpServers":{"a":{"command":"npx","args":["x"]},"b":{"command":"y"}}}`

func open(t *testing.T, path string) *Config {
	t.Helper()
	c := File{Client: clientOf(t, "cursor"), Path: path}.Open()
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	return c
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "home", "backup")
	put(t, path, small)
	now := time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC)

	c := open(t, path)
	data, chosen, err := c.Doc.Wrap(with(wrapper, func(e *Entry) bool { return e.Name == "a" }))
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Write(backups, true, data, chosen, now)
	if err != nil {
		t.Fatal(err)
	}
	kept := w.Kept
	if got := filepath.Base(kept); got != "20261123T010203.000000004Z-cursor" {
		t.Errorf("kept in %s", got)
	}
	content(t, path, string(data))
	content(t, filepath.Join(kept, "mcp.json"), small)
	if runtime.GOOS != "windows" {
		for _, name := range []string{"mcp.json", manifestName} {
			if st, err := os.Stat(filepath.Join(kept, name)); err != nil || st.Mode() != 0o600 {
				t.Errorf("%s: mode %v, %v", name, st.Mode(), err)
			}
		}
		if st, err := os.Stat(kept); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", st.Mode(), err)
		}
	}

	// wrapped is not lost; lost is what is plain without our doing
	lost := func() (names string) {
		t.Helper()
		past, err := ReadPast(backups)
		if err != nil {
			t.Fatal(err)
		}
		c := open(t, path)
		for _, e := range c.Doc.Entries {
			if past.Lost(c, e) {
				names += e.Name
			}
		}
		return names
	}
	if got := lost(); got != "" {
		t.Errorf("lost %q", got)
	}
	put(t, path, small)
	if got := lost(); got != "a" {
		t.Errorf("lost %q, want a", got)
	}
	put(t, path, string(data))
	c = open(t, path)
	data, chosen, err = c.Doc.Unwrap(all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(backups, false, data, chosen, now); err != nil { // in the same nanosecond
		t.Fatal(err)
	}
	content(t, path, small)
	if got := lost(); got != "" {
		t.Errorf("lost %q, though it was unwrapped", got)
	}

	// a manifest in disorder is named, and the others count
	put(t, filepath.Join(backups, "20991231T000000.000000000Z-cursor", manifestName), "{")
	if past, err := ReadPast(backups); err == nil || len(past.wrapped) != 1 {
		t.Errorf("%d, %v", len(past.wrapped), err)
	}
	if past, err := ReadPast(filepath.Join(dir, "none")); err != nil || len(past.wrapped) != 0 {
		t.Errorf("no backups: %v", err)
	}
}

// Somebody wrote in between: theirs stays, and no backup is left of a change
// that was not made.
func TestWriteChanged(t *testing.T) {
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "backup")
	put(t, path, small)
	c := open(t, path)
	data, chosen, err := c.Doc.Wrap(with(wrapper, all))
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, small+"\n")
	if _, err := c.Write(backups, true, data, chosen, time.Now()); !errors.Is(err, durable.ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	content(t, path, small+"\n")
	if left, err := os.ReadDir(backups); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// No backup, no change.
func TestWriteWithoutBackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	put(t, path, small)
	put(t, filepath.Join(dir, "backup"), "a file")
	c := open(t, path)
	data, chosen, err := c.Doc.Wrap(with(wrapper, all))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(filepath.Join(dir, "backup"), true, data, chosen, time.Now()); err == nil || !strings.Contains(err.Error(), "keeping the old file") {
		t.Errorf("%v", err)
	}
	content(t, path, small)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if c := (File{Client: clientOf(t, "cursor"), Path: path}).Open(); c.Err == nil || c.Doc != nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func content(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v\nwant %q", path, got, err, want)
	}
}

// A file with a second name keeps it, and its backup is complete before it is
// written in place.
func TestWriteHardLinked(t *testing.T) {
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "backup")
	put(t, path, small)
	if err := os.Link(path, filepath.Join(dir, "second.json")); err != nil || runtime.GOOS == "windows" {
		t.Skip(err)
	}
	c := open(t, path)
	data, chosen, err := c.Doc.Wrap(with(wrapper, all))
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Write(backups, true, data, chosen, time.Now())
	if err != nil || !w.InPlace {
		t.Fatal(w.InPlace, err)
	}
	content(t, filepath.Join(dir, "second.json"), string(data))
	content(t, filepath.Join(w.Kept, "mcp.json"), small)
}

// Somebody took the file away in between: nothing is made in its place.
func TestWriteRemoved(t *testing.T) {
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "backup")
	put(t, path, small)
	c := open(t, path)
	data, chosen, err := c.Doc.Wrap(with(wrapper, all))
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if _, err := c.Write(backups, true, data, chosen, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(backups); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("there is a file again")
	}
}
