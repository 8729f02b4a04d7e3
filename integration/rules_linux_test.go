package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// living are those of the processes that have not ended, after a while in
// which they may. One that nobody waits for has ended.
func living(pids []int) (left []string) {
	for range 100 {
		left = nil
		for _, pid := range pids {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
				left = append(left, string(stat))
			}
		}
		if left == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return left
}

// TestServerCannotLook: the server, which runs as the same user, cannot read
// the wrapper's environment and memory, where its key and passphrase are.
func TestServerCannotLook(t *testing.T) {
	const script = `for f in environ mem maps fd/0; do
		if head -c 1 /proc/$PPID/$f >/dev/null 2>&1; then echo $f is readable; else echo $f is hidden; fi
	done`
	argv := []string{"sh", "-c", script}
	user := func(*exec.Cmd) {}
	program := binary(t)
	if os.Getuid() == 0 {
		// Root sees all. So be somebody else, with a copy that he may run.
		dir := t.TempDir()
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		program = filepath.Join(dir, "signet-wrap")
		if err := os.WriteFile(program, b, 0o755); err != nil {
			t.Fatal(err)
		}
		for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		user = func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
	}
	see := func(argv ...string) string { return string(start(t, "/", argv, user).rest()) }
	// To a shell's child, the shell is an open book: the question is a fair one.
	if seen := see("sh", "-c", `sh -c "$0"; :`, script); !strings.Contains(seen, "environ is readable") {
		t.Fatalf("of an ordinary parent: %s", seen)
	}
	if seen := see(append([]string{program, "--"}, argv...)...); strings.Contains(seen, "readable") || strings.Count(seen, "hidden") != 4 {
		t.Errorf("of the wrapper: %s", seen)
	}
}

// TestKeyIsReadAtTheFirstCall: not before, and so nobody waits for the
// derivation of an encrypted key who makes no call. The system calls show it.
func TestKeyIsReadAtTheFirstCall(t *testing.T) {
	strace := needStrace(t)
	home := newHome(t)
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	home.signet(t, 0, nil, "--passphrase-file", passphrase, "identity", "generate", "--name", "default")
	trace := filepath.Join(t.TempDir(), "trace")
	p := start(t, home.dir, append([]string{strace, "-f", "-qq", "-e", "trace=file", "-o", trace},
		wrapped.argv(t, []string{"--passphrase-file", passphrase}, fake(t, "reply")...)...))
	for range 3 {
		turn(p, benchOther)
	}
	touched := func() []string {
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		ours := regexp.MustCompile(`.*(` + regexp.QuoteMeta(home.dir) + `|` + regexp.QuoteMeta(passphrase) + `).*`)
		var lines []string
		for _, l := range ours.FindAllString(string(text), -1) {
			// execve has the flags, and config.toml may have settings of the start.
			if !strings.Contains(l, "execve(") && !strings.Contains(l, "/config.toml") {
				lines = append(lines, l)
			}
		}
		return lines
	}
	if before := touched(); len(before) > 0 {
		t.Errorf("before the first call: %q", before)
	}
	turn(p, benchCall)
	after := strings.Join(touched(), "\n")
	for _, file := range []string{passphrase, "default.key", ".jsonl"} {
		if !strings.Contains(after, file) {
			t.Errorf("the call was answered, and %s not touched: %q", file, after)
		}
	}
	p.finish()
	if records := home.records(t); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

// TestKilled: the wrapper is killed. All that was started, the guard too, ends,
// and the client reads what the server had said, to the end.
func TestKilled(t *testing.T) {
	const said = 30_000 // fits a pipe: it is all there once some of it is
	text := strings.Repeat("last words", said/10)
	// As npx has it: npm, a shell, the server, none of which ends by the death
	// of another. The server does not end by itself either.
	tree := []string{"sh", "-c", `sh -c '"$0" "$@"; :' "$0" "$@"; :`}
	server := append(tree, fake(t, "stay", text)...)
	p := start(t, t.TempDir(), wrapped.argv(t, nil, server...), func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	})
	p.out = bufio.NewReaderSize(p.pipe, 16)
	if c, err := p.out.ReadByte(); err != nil || c != 'l' {
		t.Fatal(c, err)
	}
	family := p.family() // with the guard, whose environment is empty
	p.signal(syscall.SIGKILL)
	if how := p.how(); how != "signal: killed" {
		t.Errorf("ended with %q", how)
	}
	if got := "l" + string(p.rest()); got != text {
		t.Errorf("the client read %d bytes of %d", len(got), said)
	}
	if left := p.mark.left(); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	if left := living(family); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}
