package home

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStore(t *testing.T) {
	d := Dir(t.TempDir())
	is := func(want string, wantHome bool) {
		t.Helper()
		if dir, inHome := d.Store(); dir != want || inHome != wantHome {
			t.Errorf("%q, in the home: %v; want %q, %v", dir, inHome, want, wantHome)
		}
	}
	is(d.Anchor(), true)
	for _, dir := range []string{t.TempDir(), t.TempDir()} {
		if err := d.SetStore(dir); err != nil {
			t.Fatal(err)
		}
		is(dir, false)
	}
	if err := d.SetStore(d.Anchor()); err != nil {
		t.Fatal(err)
	}
	is(d.Anchor(), true)
	if err := d.SetStore(d.Anchor()); err != nil {
		t.Fatal(err)
	}
	// What is no such name is none.
	abs := t.TempDir()
	for _, bad := range []string{"", "\n", abs, "relative\n", abs + "\x1b\n", abs + "\nx\n", abs + strings.Repeat("/x", maxPath) + "\n"} {
		if err := os.WriteFile(filepath.Join(string(d), "anchor-store"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		is(d.Anchor(), true)
	}
}
