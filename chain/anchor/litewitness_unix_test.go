//go:build unix

package anchor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// A litewitness is a real witness: filippo.io/torchwood/cmd/litewitness, on a
// port of this machine, with its key in an ssh-agent that the test is.
type litewitness struct {
	t             *testing.T
	name, db      string
	socket, print string // of the agent, and its key
	address, vkey string
	cmd           *exec.Cmd
}

// needLitewitness finds the program. .ci/run installs it, and sets the variable
// with which a missing part is an error.
func needLitewitness(t *testing.T) {
	t.Helper()
	for _, name := range []string{"litewitness", "sqlite3"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("SIGNET_WRAP_CI") != "" {
			t.Fatalf("there is no %s", name)
		}
		t.Skipf("there is no %s", name)
	}
}

func newLitewitness(t *testing.T, name string) *litewitness {
	t.Helper()
	needLitewitness(t)
	dir, err := os.MkdirTemp("", "w") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := &litewitness{t: t, name: name, db: filepath.Join(dir, "db"), socket: filepath.Join(dir, "s"), print: ssh.FingerprintSHA256(public)}
	l, err := net.Listen("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, conn)
		}
	}()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = free.Addr().String()
	free.Close()
	w.start()
	t.Cleanup(w.kill)
	return w
}

// start starts the witness, the first time or again, and waits until it listens.
func (w *litewitness) start() {
	w.t.Helper()
	logs, err := os.Create(w.db + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	defer logs.Close()
	w.cmd = exec.Command("litewitness", "-db", w.db, "-name", w.name, "-key", w.print, "-ssh-agent", w.socket, "-listen", w.address)
	w.cmd.Stdout, w.cmd.Stderr = logs, logs
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", w.address); err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(w.db + ".log")
			w.t.Fatalf("the witness does not listen: %s", b)
		}
	}
	b, err := os.ReadFile(w.db + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "vkey=")
	w.vkey, _, _ = strings.Cut(rest, "\n")
}

// kill ends the witness as kill -9 does.
func (w *litewitness) kill() {
	if w.cmd != nil {
		w.cmd.Process.Kill()
		w.cmd.Wait()
		w.cmd = nil
	}
}

// enroll has the witness know the log, as its operator would.
func (w *litewitness) enroll(p *tlog.Policy) {
	w.t.Helper()
	w.sql(fmt.Sprintf("INSERT INTO log VALUES('%s', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='); INSERT INTO key VALUES('%[1]s', '%s');", p.Log.Name(), p.LogKey))
}

func (w *litewitness) sql(text string) string {
	w.t.Helper()
	out, err := exec.Command("sqlite3", "-cmd", ".timeout 60000", w.db, text).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// has is the size that the witness has cosigned.
func (w *litewitness) has() string { return strings.TrimSpace(w.sql("SELECT tree_size FROM log;")) }

func (w *litewitness) witness() tlog.Witness {
	return tlog.Witness{Key: w.vkey, URL: "http://" + w.address}
}

func TestWitnesses(t *testing.T) {
	t.Parallel()
	w1, w2 := newLitewitness(t, "example.com/w1"), newLitewitness(t, "example.com/w2")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{w1.witness(), w2.witness()}, Quorum: 2})
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
	w1.enroll(s.store.Policy)
	if r := both(Signed, NotEnrolled); r.Checkpoint.Quorum || len(r.Checkpoint.Cosignatures) != 1 {
		t.Fatalf("%+v", r)
	}
	w2.enroll(s.store.Policy)
	if r := both(Signed, Signed); !r.Checkpoint.Quorum || !r.Established(s.store.Policy) || time.Since(r.Checkpoint.Since).Abs() > time.Hour {
		t.Fatalf("%+v", r.Checkpoint)
	}

	// Honest growth, with nothing new, and with one that is away meanwhile.
	both(Signed, Signed)
	s.add(40)
	both(Signed, Signed)
	w2.kill()
	s.add(5)
	if r := both(Signed, Later); r.Checkpoint.Quorum || r.Finding != nil {
		t.Fatalf("%+v", r)
	}
	s.add(5)
	both(Signed, Later)
	w2.start()
	if r := both(Signed, Signed); !r.Checkpoint.Quorum || w1.has() != "53" || w2.has() != "53" {
		t.Fatalf("%+v, %s, %s", r, w1.has(), w2.has())
	}

	// A witness that was restored from a backup of its own: it says from where.
	w2.sql("UPDATE log SET tree_size = 0, tree_hash = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';")
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
	w2.kill()
	restore()
	r = both(Conflicts, Later)
	if f := r.Finding; f == nil || f.Kind != Rollback || f.Proven || len(f.By) != 1 {
		t.Fatalf("%+v", f)
	}
	w2.start()
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

// Two processes, each with its own store of one key: they take turns, and both
// go on.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	w := newLitewitness(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{w.witness()}, Quorum: 1})
	w.enroll(s.store.Policy)
	other := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(other, os.DirFS(s.store.Dir)); err != nil {
		t.Fatal(err)
	}
	second, err := Open(other)
	if err != nil {
		t.Fatal(err)
	}
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

// A witness that has another key of the log, and one whose key is not the one of
// the policy.
func TestWrongKeys(t *testing.T) {
	t.Parallel()
	w := newLitewitness(t, "w")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{w.witness()}, Quorum: 1})
	s.add(1)
	other := newScene(t, Settings{})
	w.sql(fmt.Sprintf("INSERT INTO log VALUES('example.com/log', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='); INSERT INTO key VALUES('example.com/log', '%s');", other.store.Policy.LogKey))
	if r := s.anchor(); r.Witnesses[0].Status != NotEnrolled || r.Finding != nil {
		t.Fatalf("%+v", r.Witnesses)
	}
	w2 := newLitewitness(t, "w")
	mixed := tlog.Witness{Key: w.vkey, URL: "http://" + w2.address}
	s = newScene(t, Settings{Witnesses: []tlog.Witness{mixed}, Quorum: 1})
	s.add(1)
	w2.enroll(s.store.Policy)
	r := s.anchor()
	if w := r.Witnesses[0]; w.Status != Later || !strings.Contains(w.Err.Error(), "no cosignature") || r.Checkpoint.Quorum || len(r.Checkpoint.Cosignatures) > 0 {
		t.Fatalf("%+v", r.Witnesses)
	}
}

// With the kit alone the witnesses can be asked how far the log went.
func TestAskWithKit(t *testing.T) {
	t.Parallel()
	w1, w2 := newLitewitness(t, "w1"), newLitewitness(t, "w2")
	s := newScene(t, Settings{Witnesses: []tlog.Witness{w1.witness(), w2.witness()}, Quorum: 1})
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
	w1.enroll(s.store.Policy)
	w2.enroll(s.store.Policy)
	s.add(5)
	s.anchor()
	os.RemoveAll(s.log)
	os.RemoveAll(s.store.Dir)
	peers, cp, err := ParseKit(kit)
	if err != nil {
		t.Fatal(err)
	}
	w2.kill()
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
