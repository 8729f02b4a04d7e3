package toolstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestStore: what was kept is returned, and nothing else is.
func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home", "tools")
	s := New(dir)
	one := []byte(`{"name":"read"}`)
	if _, err := s.Get(event.HashOf(one)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	var all sync.WaitGroup
	for range 8 { // several wrappers at once
		all.Go(func() {
			if err := New(dir).Keep(one); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := s.Get(event.HashOf(one))
	if err != nil || string(got) != string(one) {
		t.Errorf("%s, %v", got, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	path := filepath.Join(dir, files[0].Name())
	for _, bad := range []string{"", `{"name":"raed"}`, strings.Repeat("x", MaxDefinition+1)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(event.HashOf(one)); !errors.Is(err, ErrAltered) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	// A file that a crash has truncated is written again.
	if err := os.WriteFile(path, one[:3], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := New(dir).Keep(one); err != nil {
		t.Error(err)
	}
	if got, err := s.Get(event.HashOf(one)); err != nil || string(got) != string(one) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestStoreIsBounded: a full store keeps what it has, and takes nothing more.
func TestStoreIsBounded(t *testing.T) {
	s := New(t.TempDir())
	one := []byte(`{"name":"read"}`)
	if err := s.Keep(one); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(make([]byte, MaxDefinition+1)); err != nil || s.files != 1 {
		t.Errorf("a long one: %v", err)
	}
	s.bytes = maxBytes
	if err := s.Keep([]byte(`{}`)); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	s.bytes, s.files = 0, maxFiles
	if err := s.Keep([]byte(`{}`)); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if err := s.Keep(one); err != nil { // it is there
		t.Error(err)
	}
}
