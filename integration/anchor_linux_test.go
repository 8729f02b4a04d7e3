package integration

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

// anchored makes a home with a key and some records, and a store in it, for
// witnesses at these addresses; it says which log they must know.
func anchored(t *testing.T, witnesses ...string) (h home, origin, vkey string) {
	t.Helper()
	h = quietHome(t)
	h.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	h.signet(t, 0, nil, "sign", "--tool", "first", "--output", filepath.Join(h.dir, "first.json"))
	args := []string{"anchor", "init"}
	for _, w := range witnesses {
		args = append(args, "--witness", w)
	}
	if len(witnesses) > 0 {
		args = append(args, "--quorum", fmt.Sprint(len(witnesses)))
	}
	h.signet(t, 0, nil, args...)
	b, err := os.ReadFile(filepath.Join(h.store(), "log.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	vkey = strings.TrimSpace(string(b))
	origin, _, _ = strings.Cut(vkey, "+")
	return h, origin, vkey
}

func (h home) store() string { return filepath.Join(h.dir, ".signet", "anchor") }

// sign adds n records to the log.
func (h home) sign(t *testing.T, n int) {
	t.Helper()
	for range n {
		h.signet(t, 0, nil, "sign", "--tool", "more")
	}
}

// truncate takes the newest n records away.
func (h home) truncate(t *testing.T, n int) {
	t.Helper()
	b, err := os.ReadFile(h.newest(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if err := os.WriteFile(h.newest(t), []byte(strings.Join(lines[:len(lines)-1-n], "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// alone waits until nothing that sessions have started is at the home any more.
func (h home) alone(t *testing.T) {
	t.Helper()
	poll(t, "what sessions have started ends", func() bool {
		all, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range all {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), h.dir+"/") {
				return false
			}
		}
		return true
	})
}

// Root takes the store and the newest records, and puts an older log in place:
// with the kit, which is kept elsewhere, the witnesses tell. One of them was away
// meanwhile.
func TestAnchorKit(t *testing.T) {
	t.Parallel()
	w1, w2 := testwitness.New(t, "example.com/w1"), testwitness.New(t, "w2")
	h, origin, vkey := anchored(t, w1.Key+"@http://"+w1.Address, w2.Key+"@http://"+w2.Address)
	kit := filepath.Join(t.TempDir(), "kit.json")
	h.signet(t, 0, nil, "anchor", "enroll", "--output", kit)
	online := []string{"verify", "--chain", "--online", "--kit", kit}
	h.signet(t, 3, nil, "anchor", "now") // not enrolled
	h.signet(t, 0, nil, "verify", "--chain")
	h.signet(t, 3, nil, "verify", "--chain", "--require", "witness")
	w1.Enroll(origin, vkey)
	w2.Enroll(origin, vkey)
	h.signet(t, 0, nil, "anchor", "now")
	h.sign(t, 3)
	w2.Kill()
	h.signet(t, 3, nil, "anchor", "now")
	if out := h.signet(t, 3, nil, online...); !strings.Contains(out, "the witness w2 was not heard") {
		t.Errorf("%s", out)
	}
	doctor := func(want string) {
		t.Helper()
		cmd := exec.Command(binary(t), "doctor")
		cmd.Env = scrubbed(h.dir)
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), want) { // of all else, nothing is known here
			t.Errorf("no %q in %s", want, out)
		}
	}
	doctor("; all was anchored last at 20")
	w2.Start()
	h.signet(t, 0, nil, "anchor", "now")
	h.signet(t, 0, nil, "anchor", "status")
	doctor("5 records as witnesses cosigned them at 20")
	if out := h.signet(t, 0, nil, append(online, "--require", "witness")...); !strings.Contains(out, "as witnesses remember it up to record 5") {
		t.Errorf("%s", out)
	}
	// The policy of the home is nobody's word but the home's.
	if out := h.signet(t, 3, nil, "verify", "--chain", "--require", "witness"); !strings.Contains(out, "named by this home alone") {
		t.Errorf("%s", out)
	}
	h.signet(t, 0, nil, "verify", "--chain", "--require", "witness", "--store", h.store())
	// What is not anchored yet is said, and how old it may be.
	h.sign(t, 1)
	if out := h.signet(t, 0, nil, "verify", "--chain"); !strings.Contains(out, "anchored up to record 5 at ") || !strings.Contains(out, "1 record is not anchored since ") {
		t.Errorf("%s", out)
	}
	if out := h.signet(t, 3, nil, "verify", "--chain", "--max-unanchored", "1ns"); !strings.Contains(out, "1 record is not anchored") {
		t.Errorf("%s", out)
	}
	h.signet(t, 0, nil, "verify", "--chain", "--max-unanchored", "100h")
	// Another policy than the log's newest event about it names.
	whole, err := os.ReadFile(filepath.Join(h.store(), "policy"))
	if err == nil {
		err = os.WriteFile(filepath.Join(h.store(), "policy"), []byte(strings.Replace(string(whole), " 2 ", " 1 ", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out := h.signet(t, 3, nil, "verify", "--chain"); !strings.Contains(out, "the policy is not that of the log's newest event") {
		t.Errorf("%s", out)
	}
	if err := os.WriteFile(filepath.Join(h.store(), "policy"), whole, 0o644); err != nil {
		t.Fatal(err)
	}
	var f struct {
		Completeness struct {
			Anchored struct {
				State                       string
				Records, Signed, Unanchored int64
				Since                       time.Time
				By                          []string
			}
		}
	}
	if err := json.Unmarshal([]byte(h.signet(t, 0, nil, "verify", "--chain", "--json")), &f); err != nil {
		t.Fatal(err)
	}
	if a := f.Completeness.Anchored; a.State != "witnessed" || a.Records != 5 || a.Signed != 5 || a.Unanchored != 1 || len(a.By) != 2 || time.Since(a.Since).Abs() > time.Hour {
		t.Errorf("%+v", a)
	}

	// A proof of the first record, by a stranger who has the policy.
	var first struct{ ID string }
	b, err := os.ReadFile(filepath.Join(h.dir, "first.json"))
	if err == nil {
		err = json.Unmarshal(b, &first)
	}
	if err != nil {
		t.Fatal(err)
	}
	proof, stranger := filepath.Join(t.TempDir(), "proof"), newHome(t)
	h.signet(t, 0, nil, "prove", first.ID, "--output", proof)
	key := filepath.Join(h.dir, ".signet", "keys", "default.pub")
	policy := filepath.Join(t.TempDir(), "policy")
	if b, err = os.ReadFile(filepath.Join(h.store(), "policy")); err == nil {
		err = os.WriteFile(policy, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out := stranger.signet(t, 0, nil, "verify", proof, "--policy", policy, "--pubkey", key); !strings.Contains(out, "there at ") {
		t.Errorf("%s", out)
	}
	stranger.signet(t, 3, nil, "verify", proof, "--pubkey", key)

	// Truncated before what is anchored: the store tells, and without it the
	// witnesses do.
	h.truncate(t, 3)
	h.signet(t, 1, nil, "verify", "--chain")
	h.signet(t, 1, nil, "anchor", "now")
	if len(h.events(t, "anchor_finding")) != 1 {
		t.Errorf("%d events tell of it", len(h.events(t, "anchor_finding")))
	}
	h.signet(t, 1, nil, "verify", "--chain")
	if err := os.RemoveAll(h.store()); err != nil {
		t.Fatal(err)
	}
	if out := h.signet(t, 3, nil, "verify", "--chain"); !strings.Contains(out, "the store by which the log is anchored is absent") {
		t.Errorf("%s", out)
	}
	if out := h.signet(t, 1, nil, online...); !strings.Contains(out, "rollback: witness example.com/w1 remembers 5 records") {
		t.Errorf("%s", out)
	}
	// All of it is gone, and so it was never there, but for the kit.
	if err := os.RemoveAll(h.audit()); err != nil {
		t.Fatal(err)
	}
	h.signet(t, 2, nil, "verify", "--chain")
	h.signet(t, 1, nil, online...)
}

// What the store still has of earlier anchorings is compared with the log, whatever else
// is removed from it or put back as it was; and what witnesses said against the log stays
// said, in a new epoch, too.
func TestAnchorStoreInParts(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	h, origin, vkey := anchored(t, w.Key+"@http://"+w.Address)
	w.Enroll(origin, vkey)
	h.sign(t, 2)
	h.signet(t, 0, nil, "anchor", "now")
	copied := func(from, to string) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from))); err != nil {
			t.Fatal(err)
		}
	}
	old := t.TempDir()
	copied(h.store(), filepath.Join(old, "anchor"))
	copied(h.audit(), filepath.Join(old, "audit"))
	h.sign(t, 3)
	h.signet(t, 0, nil, "anchor", "now")
	newest := filepath.Join(old, "newest")
	copied(h.store(), newest)

	h.truncate(t, 2)
	for _, x := range []struct {
		status int
		remove []string
	}{{1, []string{"checkpoint"}}, {1, []string{"checkpoint", "state.json", "hashes"}}, {3, []string{"checkpoint", "anchors.jsonl"}}, {1, []string{"anchors.jsonl", "state.json"}}} {
		for _, name := range x.remove {
			if err := os.Remove(filepath.Join(h.store(), name)); err != nil {
				t.Fatal(err)
			}
		}
		h.signet(t, x.status, nil, "verify", "--chain")
		copied(newest, h.store())
	}

	// An older log with the store of that time: only the witness knows.
	copied(filepath.Join(old, "anchor"), h.store())
	copied(filepath.Join(old, "audit"), h.audit())
	h.signet(t, 0, nil, "verify", "--chain")
	h.sign(t, 5)
	h.signet(t, 1, nil, "anchor", "now")
	said := "fork: witness w has cosigned another log"
	if out := h.signet(t, 1, nil, "verify", "--chain"); !strings.Contains(out, said) {
		t.Errorf("%s", out)
	}
	h.signet(t, 0, nil, "anchor", "new-epoch", "--reason", "none")
	if out := h.signet(t, 1, nil, "verify", "--chain"); !strings.Contains(out, said) {
		t.Errorf("%s", out)
	}
	h.signet(t, 0, nil, "verify", "--chain", "--accept", fmt.Sprint(h.events(t, "new_epoch")[0]["id"]))
}

// A new epoch is printed, and excuses nothing until who verifies accepts it.
func TestAnchorNewEpoch(t *testing.T) {
	t.Parallel()
	h, _, _ := anchored(t)
	h.sign(t, 3)
	h.signet(t, 0, nil, "anchor", "now")
	h.truncate(t, 2)
	h.signet(t, 1, nil, "anchor", "now")
	h.signet(t, 0, nil, "anchor", "new-epoch", "--reason", "a backup")
	h.signet(t, 0, nil, "anchor", "now")
	h.signet(t, 1, nil, "verify", "--chain")
	id := fmt.Sprint(h.events(t, "new_epoch")[0]["id"])
	if out := h.signet(t, 0, nil, "verify", "--chain", "--accept", id); !strings.Contains(out, "accepted by "+id) {
		t.Errorf("%s", out)
	}
	h.signet(t, 1, nil, "verify", "--chain", "--accept", "evt_00000000000000000000000000000000")
	// With the store of the old epoch gone, it cannot be known any more.
	if err := os.RemoveAll(filepath.Join(h.store(), "epoch-1")); err != nil {
		t.Fatal(err)
	}
	h.signet(t, 3, nil, "verify", "--chain")
}

// Witnesses and an authority that are away, slow, or answer with garbage cost no call
// anything, and one "anchor now" makes up for all of it.
func TestCallsWithoutAnchor(t *testing.T) {
	t.Parallel()
	w := testwitness.New(t, "w")
	target, err := url.Parse("http://" + w.Address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var how atomic.Value
	how.Store("away")
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch how.Load() {
		case "away":
			panic(http.ErrAbortHandler)
		case "slow":
			select {
			case <-time.After(10 * time.Second):
			case <-r.Context().Done():
			}
			fallthrough
		case "garbage":
			rw.Write(make([]byte, 1<<20))
		default:
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	h, origin, vkey := anchored(t, w.Key+"@"+server.URL)
	w.Enroll(origin, vkey)
	roots := filepath.Join(t.TempDir(), "roots.pem") // of whichever authority: it never stamps
	if err := os.WriteFile(roots, certificate(t), 0o600); err != nil {
		t.Fatal(err)
	}
	h.signet(t, 0, nil, "anchor", "init", "--witness", w.Key+"@"+server.URL, "--tsa", server.URL+"/tsa", "--tsa-root", roots)
	const calls = 10_000
	n := 0
	for _, way := range []string{"away", "slow", "garbage"} {
		how.Store(way)
		l := newServerLog(t)
		p := start(t, h.dir, wrapped.argv(t, nil, l.server()...))
		go func() {
			for i := range calls {
				p.in.WriteString(numbered(i))
			}
			p.in.Close()
		}()
		p.rest()
		p.end()
		if got := len(l.calls(t)); got != calls {
			t.Errorf("%s: %d calls reached the server", way, got)
		}
		n += calls
		// Of the tree, 64 bytes a record; nothing of what failed.
		if size := dirSize(t, h.store()); size > int64(64*2*(n+100)+64<<10) {
			t.Errorf("%s: the store has %d bytes", way, size)
		}
	}
	how.Store("there")
	h.alone(t)
	h.signet(t, 0, nil, "anchor", "init", "--witness", w.Key+"@"+server.URL) // without the authority
	h.signet(t, 0, nil, "anchor", "now")
	if status, out := h.verdict(t); status != 0 && status != 3 || !strings.Contains(out, "anchored up to record") || strings.Contains(out, "not anchored since") {
		t.Errorf("%d: %s", status, out)
	}
	if got := len(h.logged(t)); got < n {
		t.Errorf("%d calls in the log", got)
	}
}

// certificate is one, signed by itself.
func certificate(t *testing.T) []byte {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, c, c, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func dirSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += st.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// The wrapper opens no network connection: what anchors is a process of its own,
// in a session of its own, that holds nothing of the client's.
func TestWrapperOpensNoConnection(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	h, _, _ := anchored(t, testwitnessKey+"@http://127.0.0.1:1")
	trace := filepath.Join(t.TempDir(), "trace")
	l := newServerLog(t)
	argv := append([]string{strace, "-f", "-o", trace, "-e", "trace=%network,%process"}, wrapped.argv(t, nil, l.server()...)...)
	p := start(t, h.dir, argv, asTracer)
	for i := range 100 {
		p.ask(numbered(i))
	}
	p.finish()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	// A thread or child is what its parent is, until it executes a program.
	parent, became := map[string]string{}, map[string]string{}
	child := regexp.MustCompile(`^(\d+) .*(?:clone|clone3|fork|vfork)(?:\(| resumed>).* = (\d+)$`)
	first := ""
	for line := range strings.Lines(string(b)) {
		pid, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if m := child.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			parent[m[2]] = m[1]
		}
		if rest = strings.TrimSpace(rest); !strings.HasPrefix(rest, "execve(") {
			continue
		}
		switch {
		case first == "":
			first, became[pid] = pid, "wrapper"
		case strings.Contains(rest, `"anchor", "now"`):
			became[pid] = "anchor"
		default:
			became[pid] = "another"
		}
	}
	of := func(pid string) string {
		for became[pid] == "" && parent[pid] != "" {
			pid = parent[pid]
		}
		return became[pid]
	}
	connections := map[string]int{}
	for line := range strings.Lines(string(b)) {
		pid, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(strings.TrimSpace(rest), "socket(AF_INET") {
			connections[of(pid)]++
		}
	}
	if len(connections) != 1 || connections["anchor"] == 0 {
		t.Errorf("connections of %v; all should be those of what anchors", connections)
	}
}

// testwitnessKey is a witness's, whose private half nobody has.
const testwitnessKey = "example.com/w1+1e3de1cb+BFrnBysYrFV5SFM6t//LaIObokV+E/BUYUefDWwXS50V"

// Killed at any step, anchor now goes on from there.
func TestAnchorKilled(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	w := testwitness.New(t, "w")
	h, origin, vkey := anchored(t, w.Key+"@http://"+w.Address)
	w.Enroll(origin, vkey)
	kills := 0
	steps := []string{"write", "pwrite64", "ftruncate", "fsync", "fdatasync", "fchmodat", "?renameat", "renameat2", "linkat", "unlinkat", "flock", "connect"}
	if os.Getenv("SIGNET_WRAP_TORTURE") != "" { // what changes no file, too
		steps = append(steps, "openat", "close", "pread64", "newfstatat", "getdents64")
	}
	for _, call := range steps {
		for n := 1; n < 200; n++ {
			h.sign(t, 1)
			cmd := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), binary(t), "anchor", "now")
			asTracer(cmd)
			cmd.Env = scrubbed(h.dir)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil {
				t.Fatal(err)
			}
			ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
			killed := ws.Signaled() || ws.ExitStatus() == 128+9
			if !killed && err != nil {
				t.Fatalf("%s %d: %v: %s", call, n, err, out)
			}
			if killed { // what is left is no finding
				h.signet(t, 0, nil, "verify", "--chain")
			}
			if out := h.signet(t, 0, nil, "anchor", "now"); t.Failed() {
				t.Fatalf("%s %d: %s", call, n, out)
			}
			if !killed {
				break
			}
			kills++
		}
	}
	if kills < 15 {
		t.Errorf("killed %d times only", kills)
	}
	if left, err := filepath.Glob(filepath.Join(h.store(), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left in the store: %q, %v", left, err)
	}
	if out := h.signet(t, 0, nil, "verify", "--chain", "--online", "--store", h.store(), "--require", "witness"); !strings.Contains(out, "as witnesses remember it up to record") {
		t.Errorf("%s", out)
	}
}

// A record that is anchored while its sync is under way stays in the log if that
// sync fails: taken back, it would be a rollback.
func TestSyncFailsAfterAnchor(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	h, _, _ := anchored(t)
	h.signet(t, 0, nil, "anchor", "now")
	failing := func(delay time.Duration) *exec.Cmd {
		inject := fmt.Sprintf("inject=fdatasync:error=EIO:delay_exit=%d", delay.Microseconds())
		cmd := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject, binary(t), "sign", "--tool", "failing")
		asTracer(cmd)
		cmd.Env = scrubbed(h.dir)
		return cmd
	}
	before := len(h.logged(t))
	// The sync fails, and only says so later; on a busy machine, much later.
	for delay := 5 * time.Second; ; delay *= 4 {
		ended := make(chan error, 1)
		go func() { ended <- failing(delay).Run() }()
		poll(t, "the record is written", func() bool { return len(h.logged(t)) > before })
		out := h.signet(t, 0, nil, "anchor", "now")
		if err := <-ended; err == nil {
			t.Fatal("the sync did not fail")
		}
		if strings.Contains(out, "1 new") {
			break
		}
		if delay > time.Minute {
			t.Fatalf("not anchored in time: %s", out)
		}
	}
	h.signet(t, 0, nil, "anchor", "now")
	h.signet(t, 0, nil, "verify", "--chain")
	// What nobody has anchored is taken back.
	if err := failing(0).Run(); err == nil || len(h.logged(t)) != before+1 {
		t.Errorf("%v, %d records", err, len(h.logged(t)))
	}
	h.signet(t, 0, nil, "anchor", "now")
}

// A witness that says what is not so, of a log that is longer or another one, is one
// witness: as many as the policy asks for must say so.
func TestLyingWitness(t *testing.T) {
	t.Parallel()
	w1, w2 := testwitness.New(t, "w1"), testwitness.New(t, "w2")
	h, origin, vkey := anchored(t, w1.Key+"@http://"+w1.Address, w2.Key+"@http://"+w2.Address)
	w1.Enroll(origin, vkey)
	w2.Enroll(origin, vkey)
	h.sign(t, 3)
	h.signet(t, 0, nil, "anchor", "now")
	online := []string{"verify", "--chain", "--online", "--store", h.store()}
	h.signet(t, 0, nil, online...)
	w1.SQL("UPDATE log SET tree_size = 1000;")
	if out := h.signet(t, 3, nil, online...); !strings.Contains(out, "the witness w1 says that it has cosigned 1,000 records") {
		t.Errorf("%s", out)
	}
	h.sign(t, 1)
	if out := h.signet(t, 3, nil, "anchor", "now"); !strings.Contains(out, "too few witnesses say so to be sure") {
		t.Errorf("%s", out)
	}
	if n := len(h.events(t, "anchor_finding")); n != 0 {
		t.Errorf("%d events of what is not proven", n)
	}
	if out := h.signet(t, 3, nil, "verify", "--chain"); !strings.Contains(out, "the witness w1 refused the log when it was anchored last") {
		t.Errorf("%s", out)
	}
	w2.SQL("UPDATE log SET tree_size = 1000;")
	h.signet(t, 1, nil, online...)
	h.signet(t, 1, nil, "anchor", "now")
	if n := len(h.events(t, "anchor_finding")); n != 1 {
		t.Errorf("%d events", n)
	}
}

// tellsOnce runs a session until the log has an event of what was found.
func (h home) tellsOnce(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = in.Write([]byte(calls(100)))
	}
	if err != nil {
		t.Fatal(err)
	}
	poll(t, "an event says what was found", func() bool { return len(h.events(t, "anchor_finding")) > 0 })
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	h.alone(t)
}

// What wrappers start has no passphrase: the wrapper, which has it, writes what was
// found to the log; and so does the next session, if it was found after the last.
func TestFindingNeedsPassphrase(t *testing.T) {
	t.Parallel()
	h := quietHome(t)
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := []string{"--passphrase-file", file}
	h.signet(t, 0, nil, append(with, "identity", "generate", "--name", "default")...)
	sign := func() {
		t.Helper()
		h.signet(t, 0, nil, append([]string{"sign", "--tool", "a"}, with...)...)
	}
	sign()
	h.signet(t, 0, nil, append([]string{"anchor", "init"}, with...)...)
	sign()
	h.signet(t, 0, nil, "anchor", "now")
	h.truncate(t, 1)
	session := func() *exec.Cmd {
		cmd := exec.Command(binary(t), append(with, "--", "cat")...)
		cmd.Env = scrubbed(h.dir)
		return cmd
	}
	h.tellsOnce(t, session())
	cmd := session()
	cmd.Stdin = strings.NewReader(calls(1))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.alone(t)
	if n := len(h.events(t, "anchor_finding")); n != 1 {
		t.Errorf("%d events", n)
	}
	h.signet(t, 1, nil, "verify", "--chain")
}

// Another user anchors the log: it reads, and makes nothing in the home.
func TestAnchorByAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "this test wants root, to be two users")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "signet-owner-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := home{dir}
	h.quiet(t)
	program := filepath.Join(dir, "signet-wrap")
	b, err := os.ReadFile(binary(t))
	if err == nil {
		err = os.WriteFile(program, b, 0o755)
	}
	for _, name := range []string{"", ".signet", ".signet/config.toml"} {
		if err == nil {
			err = os.Chown(filepath.Join(dir, name), nobody, nobody)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	owner := func(status int, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env, cmd.Dir = scrubbed(dir), "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Fatalf("%q: exit status %d, want %d: %s", args, got, status, out)
		}
		return string(out)
	}
	owner(0, "identity", "generate", "--name", "default", "--unencrypted")
	owner(0, "sign", "--tool", "a")
	owner(0, "sign", "--tool", "b")
	before := listing(t, dir)
	store, err := os.MkdirTemp("", "signet-store-")
	if err == nil {
		err = os.Chmod(store, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(store) })
	elsewhere := []string{"--home", filepath.Join(dir, ".signet"), "--store", filepath.Join(store, "s")}
	root := func(status int, args ...string) string {
		t.Helper()
		return h.signet(t, status, nil, append(args, elsewhere...)...)
	}
	// Whatever root's umask, the owner can read the store, but not its key.
	for _, verb := range []string{"init", "now"} {
		cmd := exec.Command("sh", append([]string{"-c", `umask 077; exec "$@"`, "sh", program, "anchor", verb}, elsewhere...)...)
		cmd.Env = scrubbed(dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if now := listing(t, dir); now != before {
		t.Errorf("the home has changed:\n%s\nbefore:\n%s", now, before)
	}
	// The owner's next verb writes the event, once; and can verify by the store.
	for range 2 {
		owner(0, append([]string{"anchor", "status"}, elsewhere...)...)
	}
	if n := len(h.events(t, "anchor_policy")); n != 1 {
		t.Errorf("%d events", n)
	}
	owner(0, append([]string{"verify", "--chain"}, elsewhere...)...)
	root(0, "anchor", "now")
	// Without --home it is the home that the store was made for, not root's own.
	for _, verb := range []string{"now", "enroll", "status"} {
		cmd := exec.Command(program, "anchor", verb, "--store", filepath.Join(store, "s"))
		cmd.Env, cmd.Dir = scrubbed(t.TempDir()), "/"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("anchor %s: %v: %s", verb, err, out)
		}
	}
	// What the owner's program cuts off, the other user finds; each verb of the
	// owner's says so, and the next session writes it to the log, once.
	h.truncate(t, 1)
	root(1, "anchor", "now")
	if out := owner(0, "audit"); !strings.Contains(out, "rollback of the log") {
		t.Errorf("%s", out)
	}
	cmd := exec.Command(program, "--", "cat")
	cmd.Env, cmd.Dir = scrubbed(dir), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	h.tellsOnce(t, cmd)
	owner(1, "anchor", "status")
	if n := len(h.events(t, "anchor_finding")); n != 1 {
		t.Errorf("%d events", n)
	}
	owner(1, "verify", "--chain")
	owner(1, append([]string{"verify", "--chain"}, elsewhere...)...)
	if out := owner(1, "doctor"); !strings.Contains(out, "the log is not the one that was anchored") {
		t.Errorf("%s", out)
	}
	// A store elsewhere that is gone is said, and no more than that.
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	if out := owner(0, "verify", "--chain"); !strings.Contains(out, "witnesses: absent") {
		t.Errorf("%s", out)
	}
	owner(3, "verify", "--chain", "--require", "witness")
	owner(3, append([]string{"verify", "--chain"}, elsewhere...)...)
}

// listing is what is in a directory, with owners and times.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-printf", "%p %u %m %s %T@ %C@\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
