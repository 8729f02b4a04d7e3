//go:build unix

package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

func asWitness(w *testwitness.Witness) tlog.Witness {
	return tlog.Witness{Key: w.Key, URL: "http://" + w.Address}
}

func enroll(w *testwitness.Witness, s *scene) {
	w.Enroll(s.store.Policy.Log.Name(), s.store.Policy.LogKey)
}

func TestWitnesses(t *testing.T) {
	t.Parallel()
	w1, w2 := testwitness.New(t, "example.com/w1"), testwitness.New(t, "example.com/w2")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w1), asWitness(w2)}, Quorum: 2})
	s.add(3)
	both := func(want1, want2 Status) *Result {
		t.Helper()
		r := s.anchor()
		if r.Witnesses[0].Status != want1 || r.Witnesses[1].Status != want2 {
			t.Fatalf("%+v; want %s and %s", r.Witnesses, want1, want2)
		}
		return r
	}
	// Nobody knows the log, then one of them.
	if r := both(NotEnrolled, NotEnrolled); r.Finding != nil || r.Checkpoint.Quorum || r.Established(s.store.Policy) {
		t.Fatalf("%+v", r)
	}
	enroll(w1, s)
	if r := both(Signed, NotEnrolled); r.Checkpoint.Quorum || len(r.Checkpoint.Cosignatures) != 1 {
		t.Fatalf("%+v", r)
	}
	enroll(w2, s)
	if r := both(Signed, Signed); !r.Checkpoint.Quorum || !r.Established(s.store.Policy) || time.Since(r.Checkpoint.Since).Abs() > time.Hour {
		t.Fatalf("%+v", r.Checkpoint)
	}

	// Honest growth, with nothing new, and with one that is away meanwhile.
	both(Signed, Signed)
	s.add(40)
	both(Signed, Signed)
	w2.Kill()
	s.add(5)
	if r := both(Signed, Later); r.Checkpoint.Quorum || r.Finding != nil {
		t.Fatalf("%+v", r)
	}
	s.add(5)
	both(Signed, Later)
	w2.Start()
	if r := both(Signed, Signed); !r.Checkpoint.Quorum || w1.Has() != "53" || w2.Has() != "53" {
		t.Fatalf("%+v, %s, %s", r, w1.Has(), w2.Has())
	}

	// A witness that was restored from a backup of its own: it says from where.
	w2.SQL("UPDATE log SET tree_size = 0, tree_hash = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';")
	s.add(1)
	both(Signed, Signed)

	// A stale store, as of before: the log is there, so it goes on.
	s.write(stateName, nil)
	os.Remove(filepath.Join(s.store.Dir, checkpointName))
	both(Signed, Signed)
	older := map[string][]byte{}
	for _, name := range []string{checkpointName, hashesName, stateName} {
		older[name] = s.read(name)
	}
	day, err := os.ReadFile(s.day())
	if err != nil {
		t.Fatal(err)
	}
	s.add(6)
	both(Signed, Signed) // 60

	// The log and its store are put back together, as root can: only the
	// witnesses know better.
	restore := func() {
		t.Helper()
		for name, b := range older {
			s.write(name, b)
		}
		if err := os.WriteFile(s.day(), day, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	r := both(Conflicts, Conflicts)
	if f := r.Finding; f == nil || f.Kind != Rollback || !f.Proven || f.Size != 60 || len(f.By) != 2 {
		t.Fatalf("%+v", f)
	}
	// And with one of them away it is not said by enough to be sure.
	w2.Kill()
	restore()
	r = both(Conflicts, Later)
	if f := r.Finding; f == nil || f.Kind != Rollback || f.Proven || len(f.By) != 1 {
		t.Fatalf("%+v", f)
	}
	w2.Start()
	// As many records as before, and more, but others.
	for _, n := range []int{6, 10} {
		restore()
		s.n += 1000
		s.add(n)
		r = both(Conflicts, Conflicts)
		if f := r.Finding; f == nil || f.Kind != Fork || !f.Proven {
			t.Fatalf("%d: %+v", n, f)
		}
		if r.Checkpoint.Quorum {
			t.Fatal("cosigned")
		}
	}
}

// Who steals the log's key, and with it the store, can have a longer log cosigned
// that is not the true one. The true one conflicts from then on: that there are
// two shows, and not which is true.
func TestStolenLogKey(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w)}, Quorum: 1})
	enroll(w, s)
	s.add(3)
	s.anchor()
	dir := t.TempDir()
	thief := &scene{t: t, log: filepath.Join(dir, "audit"), n: 1000, now: s.now}
	for to, from := range map[string]string{thief.log: s.log, filepath.Join(dir, "store"): s.store.Dir} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if thief.store, err = Open(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	thief.add(5)
	if r := thief.anchor(); r.Size != 8 || !r.Established(thief.store.Policy) {
		t.Fatalf("the bogus log: %+v, %+v", r, r.Finding)
	}
	for _, n := range []int{2, 20} { // shorter than the bogus one, and longer
		s.add(n)
		want := map[bool]Kind{true: Rollback, false: Fork}[n == 2]
		if r := s.anchor(); r.Finding == nil || r.Finding.Kind != want || r.Checkpoint.Quorum {
			t.Errorf("the true log, %d records more: %+v", n, r.Finding)
		}
	}
	thief.add(1)
	if r := thief.anchor(); !r.Established(thief.store.Policy) {
		t.Errorf("the bogus log goes on: %+v", r.Finding)
	}
}

// A pipe in the place of a day file, of a lock or of the directory is not waited
// for, whoever the log belongs to. (If this test hangs, that is its failure.)
func TestPipesInLog(t *testing.T) {
	for _, own := range []bool{false, true} {
		s := newScene(t, Settings{})
		s.add(3)
		pipe := func(path string) {
			t.Helper()
			if err := errors.Join(os.RemoveAll(path), syscall.Mkfifo(path, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		anchor := func() (*Result, error) {
			return s.store.Anchor(context.Background(), Options{Log: s.log, Own: own})
		}
		pipe(filepath.Join(s.log, ".lock"))
		if r, err := anchor(); err != nil || r.Size != 3 {
			t.Errorf("in the lock's place: %+v, %v", r, err)
		}
		pipe(s.day())
		if r, err := anchor(); err == nil {
			t.Errorf("in the place of a day file: %+v", r)
		}
		pipe(s.log)
		if r, err := anchor(); err == nil {
			t.Errorf("in the place of the directory: %+v", r)
		}
	}
}

// Two processes, each with its own store of one key: they take turns, and both
// go on.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w)}, Quorum: 1})
	enroll(w, s)
	second := s.otherStore()
	for n := range 10 {
		s.add(n + 1)
		done := make(chan error, 2)
		for _, st := range []*Store{s.store, second} {
			go func() {
				r, err := st.Anchor(context.Background(), Options{Log: s.log, Own: true})
				if err == nil && (r.Finding != nil || !r.Checkpoint.Quorum && r.Witnesses[0].Status == Conflicts) {
					err = fmt.Errorf("%+v, %+v", r.Finding, r.Witnesses)
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := s.anchor(); !r.Checkpoint.Quorum {
		t.Fatalf("%+v", r)
	}
}

// Records that come while a witness is asked, and that another store has shown it
// already, are no rollback: the log is read again.
func TestAnotherStoreIsAhead(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w)}, Quorum: 1})
	enroll(w, s)
	second := s.otherStore()
	s.add(3)
	target := "http://" + w.Address
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			s.add(2)
			if r, err := second.Anchor(context.Background(), Options{Log: s.log, Own: true}); err != nil || !r.Checkpoint.Quorum {
				t.Errorf("the other store: %+v, %v", r, err)
			}
		}
		resp, err := http.Post(target+r.URL.Path, r.Header.Get("Content-Type"), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		rw.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		rw.WriteHeader(resp.StatusCode)
		io.Copy(rw, resp.Body)
	}))
	defer server.Close()
	var err error
	if s.store, err = s.store.Reconfigure(Settings{Witnesses: []tlog.Witness{{Key: w.Key, URL: server.URL}}, Quorum: 1}); err != nil {
		t.Fatal(err)
	}
	if r := s.anchor(); r.Finding != nil || r.Size != 5 || !r.Checkpoint.Quorum {
		t.Fatalf("%+v, %+v, %+v", r, r.Finding, r.Witnesses)
	}
}

// A witness that has another key of the log, and one whose key is not the one of
// the policy.
func TestWrongKeys(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w)}, Quorum: 1})
	s.add(1)
	other := newScene(t, Settings{})
	w.SQL(fmt.Sprintf("INSERT INTO log VALUES('example.com/log', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='); INSERT INTO key VALUES('example.com/log', '%s');", other.store.Policy.LogKey))
	if r := s.anchor(); r.Witnesses[0].Status != NotEnrolled || r.Finding != nil {
		t.Fatalf("%+v", r.Witnesses)
	}
	w2 := testwitness.New(t, "w")
	mixed := tlog.Witness{Key: w.Key, URL: "http://" + w2.Address}
	s = newScene(t, Settings{Witnesses: []tlog.Witness{mixed}, Quorum: 1})
	s.add(1)
	enroll(w2, s)
	r := s.anchor()
	if w := r.Witnesses[0]; w.Status != Later || !strings.Contains(w.Err.Error(), "not a cosignature") || r.Checkpoint.Quorum || len(r.Checkpoint.Cosignatures) > 0 {
		t.Fatalf("%+v", r.Witnesses)
	}
}

// With the kit alone the witnesses can be asked how far the log went.
func TestAskWithKit(t *testing.T) {
	t.Parallel()
	w1, w2 := testwitness.New(t, "w1"), testwitness.New(t, "w2")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{asWitness(w1), asWitness(w2)}, Quorum: 1})
	s.add(2)
	if _, err := s.store.Kit(); err == nil {
		t.Fatal("a kit without a checkpoint")
	}
	if _, err := s.store.Anchor(context.Background(), Options{Log: s.log, Own: true, Offline: true}); err != nil {
		t.Fatal(err)
	}
	kit, err := s.store.Kit()
	if err != nil {
		t.Fatal(err)
	}
	enroll(w1, s)
	enroll(w2, s)
	s.add(5)
	s.anchor()
	os.RemoveAll(s.log)
	os.RemoveAll(s.store.Dir)
	peers, cp, err := ParseKit(kit)
	if err != nil {
		t.Fatal(err)
	}
	w2.Kill()
	all, err := peers.Ask(context.Background(), cp)
	if err != nil || all[0].Err != nil || all[0].Size != 7 || all[1].Err == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	for i := range kit {
		if bad := append(bytes.Clone(kit[:i]), kit[min(i+1, len(kit)):]...); i < len(kit)-1 {
			if _, c, err := ParseKit(bad); err == nil && (string(c.Note) != string(cp.Note) || c.Size != 2) {
				t.Errorf("without byte %d: taken", i)
			}
		}
	}
}
