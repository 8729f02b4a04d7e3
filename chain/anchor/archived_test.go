package anchor

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// archive takes the newest day file away, and leaves its ends.
func (s *scene) archive() {
	s.t.Helper()
	var ends []byte
	day := filepath.Base(s.day())
	_, err := testlog.Verify(s.t.Context(), s.log, chain.VerifyOptions[struct{}]{Record: func(e chain.RecordEnd) {
		if e.File == day {
			ends = chain.AppendEnd(ends, e)
		}
	}})
	if err == nil {
		err = os.WriteFile(filepath.Join(s.log, chain.EndsFile(day)), ends, 0o600)
	}
	if err == nil {
		err = os.Remove(s.day())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// A log goes on being anchored when days of it were archived, anchored before or not; and
// what is anchored of them stays what it was.
func TestArchived(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(10)
	if r := s.anchor(); r.Finding != nil || r.Size != 10 {
		t.Fatalf("%+v", r)
	}
	first := s.now
	s.now = s.now.AddDate(0, 0, 1)
	s.add(5)
	s.now = first
	s.archive() // all that is anchored
	anchors := func(what string, size int64) {
		t.Helper()
		if r := s.anchor(); r.Finding != nil || r.Size != size {
			t.Fatalf("%s: size %d, finding %+v", what, r.Size, r.Finding)
		}
	}
	anchors("archived", 15)
	anchors("again", 15)
	s.now = first.AddDate(0, 0, 1)
	s.archive() // of which something is not the day that was anchored before
	s.now = first.AddDate(0, 0, 2)
	s.add(7)
	anchors("and more", 22)
	if err := os.Remove(filepath.Join(s.store.Dir, stateName)); err != nil {
		t.Fatal(err)
	}
	anchors("without a state", 22)

	ends := filepath.Join(s.log, chain.EndsFile(first.Format("2006-01-02")+".jsonl"))
	b, err := os.ReadFile(ends)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(ends, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.store.Dir, stateName)); err != nil {
		t.Fatal(err)
	}
	before := s.read(hashesName)
	if r := s.anchor(); r.Finding == nil || r.Finding.Kind != Fork || !bytes.Equal(before, s.read(hashesName)) {
		t.Errorf("edited ends: %+v", r.Finding)
	}
}
