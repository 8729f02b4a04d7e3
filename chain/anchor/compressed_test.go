package anchor

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

// compress puts the newest day file into one that is compressed.
func (s *scene) compress() {
	s.t.Helper()
	b, err := os.ReadFile(s.day())
	if err != nil {
		s.t.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	if err := os.WriteFile(s.day()+".gz", out.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(s.day()); err != nil {
		s.t.Fatal(err)
	}
}

// A log is anchored whether or not its days are compressed.
func TestCompressed(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(10)
	s.grows(10, 10)
	s.compress() // what is anchored
	s.grows(10, 0)
	s.now = s.now.AddDate(0, 0, 1)
	s.add(5)
	s.compress() // and what is not
	s.now = s.now.AddDate(0, 0, 1)
	s.add(7)
	s.grows(22, 12)
	s.compress()
	s.store = s.otherStore()
	if err := os.Remove(filepath.Join(s.store.Dir, stateName)); err != nil { // so that it searches
		t.Fatal(err)
	}
	s.grows(22, 0)
	if err := os.WriteFile(s.day()+".gz", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := s.store.Anchor(t.Context(), Options{Log: s.log, Own: true}); err == nil && r.Finding == nil {
		t.Errorf("a damaged day: %+v", r)
	}
}
