package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

// inWiped is set where a test has a /run of its own: the binary.
const inWiped = "SIGNET_WRAP_TEST_WIPED"

// Root wipes the journal, deletes the store and truncates the log: nothing on the
// machine tells, and with the kit, which is kept elsewhere, the witnesses do.
func TestRootWipesJournalAndStore(t *testing.T) {
	if bin := os.Getenv(inWiped); bin != "" {
		wiped(t, bin)
		return
	}
	needJournald(t)
	testwitness.New(t, "needed") // or it is skipped
	isolated(t, inWiped, "^TestRootWipesJournalAndStore$", syscall.CLONE_NEWNS)
}

func wiped(t *testing.T, bin string) {
	for _, dir := range []string{"/run", "/var/log"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
	}
	j := startJournald(t)
	dir := t.TempDir()
	h := home{dir}
	verb := func(status int, args ...string) string { return h.exits(t, bin, status, args...) }
	session := func() {
		t.Helper()
		cmd := exec.Command(bin, "--", "cat")
		cmd.Env, cmd.Stdin = scrubbed(dir), strings.NewReader(calls(5))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h.alone(t)
	}
	w := testwitness.New(t, "w")
	session()
	verb(0, "anchor", "init", "--witness", w.Key+"@http://"+w.Address)
	b, err := os.ReadFile(filepath.Join(h.store(), "log.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	vkey := strings.TrimSpace(string(b))
	origin, _, _ := strings.Cut(vkey, "+")
	w.Enroll(origin, vkey)
	kit := filepath.Join(t.TempDir(), "kit.json")
	verb(0, "anchor", "enroll", "--output", kit)
	session()
	h.anchoredBy(t, bin)
	poll(t, "the journal has heads", func() bool {
		cmd := exec.Command(bin, "verify", "--chain", "--json")
		cmd.Env = scrubbed(dir)
		out, _ := cmd.Output()
		return strings.Contains(string(out), `"heads":{"by":"system log"`) && !strings.Contains(string(out), `"system_log":"absent"`)
	})
	h.truncate(t, 3)
	verb(1, "verify", "--chain") // the journal tells, and the store does
	j.cmd.Process.Kill()
	j.cmd.Wait()
	for _, dir := range []string{"/run/log/journal", "/var/log/journal", h.store()} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	startJournald(t)
	// The log's own event says that there was a store; and that is all.
	verb(3, "verify", "--chain")
	if out := verb(1, "verify", "--chain", "--online", "--kit", kit); !strings.Contains(out, "rollback: witness w remembers") {
		t.Errorf("%s", out)
	}
}

// anchoredBy anchors until enough have signed: another process may be at it.
func (h home) anchoredBy(t *testing.T, bin string) {
	t.Helper()
	poll(t, "it is anchored", func() bool {
		cmd := exec.Command(bin, "anchor", "now")
		cmd.Env = scrubbed(h.dir)
		return cmd.Run() == nil
	})
}
