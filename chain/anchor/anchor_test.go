package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// scene is a log and its store.
type scene struct {
	t     *testing.T
	log   string
	store *Store
	n     int // records appended
	now   time.Time
}

// otherStore is a copy of the store, as on a second machine with the same key.
func (s *scene) otherStore() *Store {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "store")
	if err := os.CopyFS(dir, os.DirFS(s.store.Dir)); err != nil {
		s.t.Fatal(err)
	}
	other, err := Open(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	return other
}

func newScene(t *testing.T, o Settings) *scene {
	t.Helper()
	dir := t.TempDir()
	o.Origin = "example.com/log"
	s, err := Create(filepath.Join(dir, "store"), o)
	if err != nil {
		t.Fatal(err)
	}
	return &scene{t: t, log: filepath.Join(dir, "audit"), store: s, now: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)}
}

// add appends records to the log.
func (s *scene) add(n int) {
	s.t.Helper()
	l := chain.New(s.log, chain.Options{NoSync: true, Now: func() time.Time { return s.now }})
	defer l.Close()
	_, err := l.Append(n, func(int, chain.At) ([]byte, error) {
		s.n++
		return fmt.Appendf(nil, `{"n":%d,"ts":%q}`, s.n, s.now.Format(time.RFC3339)), nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// anchor is Anchor, which must not fail.
func (s *scene) anchor() *Result {
	s.t.Helper()
	r, err := s.store.Anchor(context.Background(), Options{Log: s.log, Own: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// grows anchors, and there must be size records of which none is missing.
func (s *scene) grows(size, added int64) {
	s.t.Helper()
	r := s.anchor()
	if r.Finding != nil || r.Size != size || r.Added != added || r.Checkpoint.Size != size {
		s.t.Fatalf("size %d, added %d, finding %+v; want %d and %d", r.Size, r.Added, r.Finding, size, added)
	}
	s.whole()
}

// whole checks that the checkpoint is that of the log as verification reads it.
func (s *scene) whole() {
	s.t.Helper()
	var tree tlog.Tree
	var stored []byte
	for e, err := range testlog.Records(s.log) {
		if err == nil {
			stored = tree.Append(stored, tlog.Leaf(e.RecordHash))
		}
	}
	c, err := s.store.Checkpoint()
	if err != nil || c.Size != tree.Size() || c.Root != tree.Root() {
		s.t.Fatalf("checkpoint %+v, %v; the log has %d records", c, err, tree.Size())
	}
	if got := s.read(hashesName); !bytes.Equal(got, stored) {
		s.t.Fatalf("%d bytes of hashes, not those of the log, which are %d", len(got), len(stored))
	}
}

func (s *scene) finds(kind Kind, size int64) {
	s.t.Helper()
	before, hashes := s.read(checkpointName), s.read(hashesName)
	r := s.anchor()
	if f := r.Finding; f == nil || f.Kind != kind || !f.Proven || f.Size != size || f.By[0] != "store" || strings.Contains(f.Detail, "\n") {
		s.t.Fatalf("finding %+v, want %s of %d", f, kind, size)
	}
	if r.Established(s.store.Policy) {
		s.t.Fatal("established")
	}
	if !bytes.Equal(before, s.read(checkpointName)) || !bytes.Equal(hashes, s.read(hashesName)) {
		s.t.Fatal("something was signed, or appended")
	}
	if s.store.State().Finding == nil {
		s.t.Fatal("the finding is not kept")
	}
}

func (s *scene) read(name string) []byte {
	b, err := os.ReadFile(filepath.Join(s.store.Dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return b
}

func (s *scene) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.store.Dir, name), data, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// day is the newest day file.
func (s *scene) day() string { return filepath.Join(s.log, s.now.Format(time.DateOnly)+".jsonl") }

// lines keeps the first n lines of the newest day file.
func (s *scene) lines(n int) {
	s.t.Helper()
	b, err := os.ReadFile(s.day())
	if err == nil {
		err = os.WriteFile(s.day(), bytes.Join(bytes.SplitAfter(b, []byte("\n"))[:n], nil), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestGrowth(t *testing.T) {
	s := newScene(t, Settings{})
	if r := s.anchor(); r.Checkpoint != nil || r.Size != 0 {
		t.Fatalf("an empty log: %+v", r)
	}
	s.add(1)
	s.grows(1, 1)
	s.grows(1, 0)
	s.add(6)
	s.grows(7, 6)
	for day := range int64(5) { // and over midnight
		s.now = s.now.AddDate(0, 0, 1)
		s.add(3)
		if day%2 == 0 {
			s.add(100)
			s.grows(s.store.State().Size+103+map[bool]int64{true: 3}[day > 0], 103+map[bool]int64{true: 3}[day > 0])
		}
	}
	s.add(30_000) // more than is written at once
	s.grows(7+5*3+3*100+30_000, 30_000)
}

// What is no record, or not yet a whole one, is no leaf, as in verification.
func TestLinesThatAreNone(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(2)
	torn := []byte("\n  \r\nnonsense\n" + `{"receipt":`)
	f, err := os.OpenFile(s.day(), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(torn)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.grows(2, 2)
	s.add(2) // and an event about the torn line
	if r := s.anchor(); r.Finding != nil || r.Size < 5 {
		t.Fatalf("%+v, %+v", r, r.Finding)
	}
	s.whole()
	// A line that is longer than what is read at once.
	l := chain.New(s.log, chain.Options{NoSync: true, Now: func() time.Time { return s.now }})
	defer l.Close()
	if _, err := l.Append(1, func(int, chain.At) ([]byte, error) {
		return fmt.Appendf(nil, `{"n":"%s"}`, strings.Repeat("x", 3<<20)), nil
	}); err != nil {
		t.Fatal(err)
	}
	s.anchor()
	s.add(1)
	s.anchor()
	s.whole()
}

// A file of terabytes without a newline, as somebody can plant, is not read to
// its end, nor when nobody waits any more.
func TestEndlessLine(t *testing.T) {
	if testing.Short() {
		t.Skip("a large file: nothing new for the race detector")
	}
	s := newScene(t, Settings{})
	s.add(2)
	s.grows(2, 2)
	if err := os.Truncate(s.day(), 4<<40); err != nil {
		cannot(t, err)
	}
	if _, err := s.store.Anchor(context.Background(), Options{Log: s.log}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.store.Anchor(ctx, Options{Log: s.log}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTruncated(t *testing.T) {
	t.Run("after what is anchored", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		s.add(5)
		s.lines(5) // what was never anchored
		s.grows(5, 0)
		s.add(1)
		s.grows(6, 1)
	})
	t.Run("before it", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		whole, err := os.ReadFile(s.day())
		if err != nil {
			t.Fatal(err)
		}
		s.lines(4)
		s.finds(Rollback, 5)
		s.finds(Rollback, 5)
		s.add(3) // and it stays what it was
		s.finds(Rollback, 5)
		// The log is put back.
		if err := os.WriteFile(s.day(), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		s.grows(5, 0)
		if s.store.State().Finding != nil {
			t.Error("the finding is still there")
		}
	})
	t.Run("and more records come", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		s.lines(4)
		s.add(3)
		s.finds(Fork, 5)
	})
	t.Run("a whole day", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.now = s.now.AddDate(0, 0, 1)
		s.add(5)
		s.grows(10, 10)
		if err := os.Remove(s.day()); err != nil {
			t.Fatal(err)
		}
		s.finds(Rollback, 10)
		s.now = s.now.AddDate(0, 0, 1)
		s.add(5)
		s.store.saveState(&State{}) // and without the finding of before
		s.finds(Fork, 10)
	})
	t.Run("all of it", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		if err := os.RemoveAll(s.log); err != nil {
			t.Fatal(err)
		}
		s.finds(Rollback, 5)
	})
	t.Run("without the state", func(t *testing.T) {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		s.lines(4)
		os.Remove(filepath.Join(s.store.Dir, stateName))
		s.finds(Rollback, 5)
		s.n = 100
		s.add(1)
		os.Remove(filepath.Join(s.store.Dir, stateName))
		s.finds(Fork, 5)
	})
}

// looking has do called before each look at the log, with its number from 1 on.
func looking(t *testing.T, do func(look int)) {
	n := 0
	testOnlyLook = func() { n++; do(n) }
	t.Cleanup(func() { testOnlyLook = func() {} })
}

// A log that is shorter at one look alone is not called so, and what a writer takes
// back, because it could not be synced, is not signed.
func TestTakenBack(t *testing.T) {
	for _, own := range []bool{false, true} {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		whole, err := os.ReadFile(s.day())
		if err != nil {
			t.Fatal(err)
		}
		s.lines(4)
		looking(t, func(look int) {
			if look == 2 {
				os.WriteFile(s.day(), whole, 0o600)
			}
		})
		anchor := func() (*Result, error) {
			return s.store.Anchor(context.Background(), Options{Log: s.log, Own: own})
		}
		if r, err := anchor(); err != nil || r.Finding != nil || r.Size != 5 {
			t.Errorf("shorter at the first look: %+v, %v", r, err)
		}
		s.add(2)
		looking(t, func(look int) {
			if look == 2 { // what was read is to be signed
				s.lines(6)
			}
		})
		if r, err := anchor(); err != nil || r.Finding != nil || r.Size != 6 {
			t.Errorf("one taken back: %+v, %v", r, err)
		}
		looking(t, func(look int) {
			if look%2 == 1 {
				s.add(1)
			} else {
				s.lines(6)
			}
		})
		if r, err := anchor(); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("again and again: %+v, %v", r, err)
		}
		looking(t, func(int) {})
		s.grows(6, 0)
		s.add(1)
		s.grows(7, 1)
	}
}

// Records whose sync fails are taken back, unless a store has read them or may be
// about to.
func TestKeep(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(3)
	s.grows(3, 3)
	end := s.store.State().Last
	keep := func(size int64) bool {
		t.Helper()
		kept, done := Keep(s.store.Dir, end.File, size)
		if !kept {
			if _, err := s.store.Anchor(context.Background(), Options{Log: s.log, Own: true}); !errors.Is(err, ErrBusy) {
				t.Errorf("anchored meanwhile: %v", err)
			}
			done()
		}
		return kept
	}
	if keep(end.End) || !keep(end.End-1) {
		t.Error("the last record that is anchored, or the one after it")
	}
	unlock, err := s.store.lock()
	if err != nil {
		t.Fatal(err)
	}
	if !keep(end.End) {
		t.Error("while a process anchors")
	}
	unlock()
	os.Remove(filepath.Join(s.store.Dir, stateName))
	if !keep(end.End) {
		t.Error("without a state")
	}
	s.grows(3, 0)
	if kept, done := Keep(t.TempDir(), end.File, 0); kept {
		t.Error("without a store")
	} else {
		done()
	}
}

// A rewritten log, of the same length or another.
func TestRebuilt(t *testing.T) {
	for _, size := range []int{3, 5, 9} {
		s := newScene(t, Settings{})
		s.add(5)
		s.grows(5, 5)
		if err := os.RemoveAll(s.log); err != nil {
			t.Fatal(err)
		}
		s.n = 1000
		s.add(size)
		s.finds(map[bool]Kind{true: Rollback, false: Fork}[size < 5], 5)
	}
}

// What a crash, or somebody else, can leave of a store.
func TestStaleStore(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(3)
	s.grows(3, 3)
	old := map[string][]byte{}
	for _, name := range []string{hashesName, checkpointName, stateName} {
		old[name] = s.read(name)
	}
	s.add(4)
	s.grows(7, 4)
	for name, do := range map[string]func(){
		"no state":                      func() { os.Remove(filepath.Join(s.store.Dir, stateName)) },
		"an older state":                func() { s.write(stateName, old[stateName]) },
		"an older checkpoint and state": func() { s.write(checkpointName, old[checkpointName]); s.write(stateName, old[stateName]) },
		"an older store": func() {
			for name, data := range old {
				s.write(name, data)
			}
		},
		"hashes that were never signed": func() { s.write(hashesName, append(s.read(hashesName), make([]byte, 320)...)) },
		"no checkpoint":                 func() { os.Remove(filepath.Join(s.store.Dir, checkpointName)) },
		"a state that is nonsense":      func() { s.write(stateName, []byte(`{"last":[]`)) },
		"a state of another log": func() {
			s.write(stateName, []byte(`{"last":{"file":"2026-05-01.jsonl","end":10,"hash":"sha256:00"},"size":2}`))
		},
		"a negative state": func() { s.write(stateName, []byte(`{"last":{"file":"x","end":-10},"size":-2}`)) },
		"a state ahead":    func() { s.write(stateName, []byte(`{"last":{"file":"2026-05-01.jsonl","end":10},"size":1000}`)) },
	} {
		do()
		if r := s.anchor(); r.Finding != nil || r.Size != 7 {
			t.Errorf("%s: %+v", name, r.Finding)
		}
		s.whole()
	}
	for name, do := range map[string]func(){
		"no hashes":      func() { os.Remove(filepath.Join(s.store.Dir, hashesName)) },
		"other hashes":   func() { s.write(hashesName, bytes.Repeat([]byte{1}, len(s.read(hashesName)))) },
		"too few hashes": func() { s.write(hashesName, old[hashesName]) },
	} {
		good := s.read(hashesName)
		do()
		if f := s.anchor().Finding; f == nil || f.Kind != Fork {
			t.Errorf("%s: %+v", name, f)
		}
		s.write(hashesName, good)
	}
	s.add(1)
	s.grows(8, 1)
}

// Another user's log is only read: nothing is made or locked in it, and nothing
// outside of it is read.
func TestOthersLog(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(3)
	lock, err := os.Open(filepath.Join(s.log, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	if err := os.RemoveAll(filepath.Join(s.log, ".lock")); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadDir(s.log)
	others := Options{Log: s.log}
	if r, err := s.store.Anchor(context.Background(), others); err != nil || r.Size != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	after, _ := os.ReadDir(s.log)
	if len(before) != len(after) {
		t.Errorf("%d files, and %d before", len(after), len(before))
	}
	// A link in the place of a day file, and in that of the directory.
	elsewhere := t.TempDir()
	if err := os.Rename(s.day(), filepath.Join(elsewhere, "x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "x"), s.day()); err != nil {
		cannot(t, err)
	}
	if r, err := s.store.Anchor(context.Background(), others); err == nil {
		t.Errorf("followed a link: %+v", r)
	}
	if err := os.Rename(s.log, filepath.Join(elsewhere, "audit")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "audit"), s.log); err != nil {
		t.Fatal(err)
	}
	if r, err := s.store.Anchor(context.Background(), others); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("followed a link to a directory: %+v, %v", r, err)
	}
}

func TestOneAtATime(t *testing.T) {
	s := newScene(t, Settings{})
	unlock, err := s.store.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Anchor(context.Background(), Options{Log: s.log, Own: true}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	unlock()
	s.anchor()
}

func TestNewEpoch(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(5)
	s.grows(5, 5)
	s.lines(2)
	s.finds(Rollback, 5)
	if _, err := s.store.NewEpoch("example.com/log"); err == nil {
		t.Error("the same origin")
	}
	for n := 1; n <= 2; n++ {
		again, err := s.store.NewEpoch(fmt.Sprintf("example.com/log-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		if s.store, err = Open(again.Dir); err != nil {
			t.Fatal(err)
		}
		s.grows(2, 2)
	}
	old, err := os.ReadFile(filepath.Join(s.store.Dir, "epoch-1", checkpointName))
	if err != nil || !bytes.HasPrefix(old, []byte("example.com/log\n5\n")) {
		t.Errorf("%s, %v", old, err)
	}
	if key, err := os.Stat(filepath.Join(s.store.Dir, "epoch-1", keyName)); err != nil || key.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the old key: %v, %v", key, err)
	}
}

// The first, the last and any record can be proved, and no other.
func TestProve(t *testing.T) {
	s := newScene(t, Settings{})
	hash := func(n int) [32]byte {
		i := 0
		for e := range testlog.Records(s.log) {
			if i == n {
				return e.RecordHash
			}
			i++
		}
		return [32]byte{}
	}
	s.add(20)
	if _, _, _, err := s.store.Prove(hash(0)); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
	s.anchor()
	s.add(1)
	for _, n := range []int{0, 7, 19} {
		p, c, stamp, err := s.store.Prove(hash(n))
		if err != nil || p.Index != int64(n) || stamp != nil || p.Check(c.Checkpoint, hash(n)) != nil || p.Check(c.Checkpoint, hash(n+1)) == nil {
			t.Fatalf("%d: %+v, %v", n, p, err)
		}
	}
	if _, _, _, err := s.store.Prove(hash(20)); !errors.Is(err, ErrNotAnchored) {
		t.Error(err)
	}
}

// Files of a store that are not what they should be are errors of one line, and
// none shows the key.
func TestHostileStore(t *testing.T) {
	s := newScene(t, Settings{})
	s.add(1)
	s.anchor()
	secret := strings.TrimSpace(string(s.read(keyName)))
	for _, name := range []string{keyName, policyName, configName, checkpointName} {
		good := s.read(name)
		for _, bad := range [][]byte{nil, []byte("x"), []byte(secret + "+"), []byte("log\x00\x1b[2J\n"), bytes.Repeat([]byte("a"), 3<<20), []byte("null"), []byte("[]"), good[:len(good)-2]} {
			if name == configName && string(bad) == "null" {
				continue
			}
			s.write(name, bad)
			st, err := Open(s.store.Dir)
			if err == nil {
				_, err = st.Anchor(context.Background(), Options{Log: s.log, Own: true})
			}
			if err == nil {
				t.Errorf("%s %.20q: taken", name, bad)
			} else if strings.ContainsAny(err.Error(), "\n\x1b\x00") || strings.Contains(err.Error(), secret[20:]) || len(err.Error()) > 600 {
				t.Errorf("%s: %q", name, err)
			}
		}
		s.write(name, good)
	}
	s.grows(1, 0)
}

// cannot ends a test that this machine cannot run. On CI that is a failure: there,
// nothing is left untested silently.
func cannot(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}
