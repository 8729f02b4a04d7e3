package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The passphrase prompts, at a real terminal: its echo, and what is left of it.

// pty opens a new pseudo-terminal: our end and the program's.
func pty(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	fd := int(ours.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// session is signet-wrap with a terminal for its standard input.
type session struct {
	*exec.Cmd
	theirs, ours *os.File
	stdout       bytes.Buffer
	stderr       *os.File // our end of a pipe

	mu     sync.Mutex
	screen bytes.Buffer // what the terminal showed
}

func start(t *testing.T, home string, args ...string) *session {
	t.Helper()
	s := &session{Cmd: exec.Command("signet-wrap", args...)}
	s.ours, s.theirs = pty(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s.stderr = r
	s.Env = append(os.Environ(), "SIGNET_HOME="+home, "SIGNET_PASSPHRASE=")
	s.Stdin, s.Stdout, s.Stderr = s.theirs, &s.stdout, w
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		b := make([]byte, 256)
		for {
			n, err := s.ours.Read(b)
			s.mu.Lock()
			s.screen.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// await reads stderr until it ends in prompt, and the terminal is quiet.
func (s *session) await(t *testing.T, prompt string) {
	t.Helper()
	var seen bytes.Buffer
	b := make([]byte, 1)
	for !strings.HasSuffix(seen.String(), prompt) {
		if _, err := s.stderr.Read(b); err != nil {
			t.Fatalf("stderr ended, having said %q", seen.String())
		}
		seen.Write(b)
	}
	// The prompt is printed just before the echo goes.
	for late := time.Now().Add(10 * time.Second); echoes(t, s.theirs); {
		if time.Now().After(late) {
			t.Fatal("the terminal shows what is typed")
		}
	}
}

func (s *session) answer(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(s.ours, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// end waits for the program and gives its exit status and the rest of stderr.
func (s *session) end(t *testing.T) (status int, stderr string) {
	t.Helper()
	rest, err := io.ReadAll(s.stderr)
	if err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if !echoes(t, s.theirs) {
		t.Error("the terminal was left without its echo")
	}
	return s.ProcessState.ExitCode(), string(rest)
}

func (s *session) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

func TestPromptForPassphrase(t *testing.T) {
	home := t.TempDir()
	s := start(t, home, "identity", "generate", "--name", "bot")
	s.await(t, `new passphrase for the key "bot": `)
	s.answer(t, "pässword one")
	s.await(t, "the same again: ")
	s.answer(t, "pässword one")
	if status, stderr := s.end(t); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if out := s.shown() + s.stdout.String(); strings.Contains(out, "ssword") {
		t.Errorf("the passphrase was shown: %q", out)
	}

	s = start(t, home, "sign", "--key", "bot", "--tool", "t")
	s.await(t, `passphrase of the key "bot": `)
	s.answer(t, "pässword one")
	if status, stderr := s.end(t); status != 0 || !strings.Contains(s.stdout.String(), `"tool":"t"`) {
		t.Errorf("status %d, stdout %s, stderr %s", status, s.stdout.String(), stderr)
	}

	s = start(t, home, "sign", "--key", "bot", "--tool", "t")
	s.await(t, `passphrase of the key "bot": `)
	s.answer(t, "wröng horse")
	if status, stderr := s.end(t); status != 1 || s.stdout.Len() != 0 || !strings.Contains(stderr, "wrong passphrase") || strings.Contains(stderr, "wröng horse") {
		t.Errorf("status %d, stdout %s, stderr %s", status, s.stdout.String(), stderr)
	}
}

func TestPromptRefusals(t *testing.T) {
	for _, c := range []struct{ first, again, want string }{
		{"one", "two", "the two passphrases differ"},
		{"", "", "the passphrase is empty"},
	} {
		home := t.TempDir()
		s := start(t, home, "identity", "generate", "--name", "bot")
		s.await(t, `: `)
		s.answer(t, c.first)
		if c.again != "" {
			s.await(t, "the same again: ")
			s.answer(t, c.again)
		}
		if status, stderr := s.end(t); status != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q, %q: status %d: %s", c.first, c.again, status, stderr)
		}
		if left, _ := filepath.Glob(filepath.Join(home, "keys", "bot*")); len(left) != 0 {
			t.Errorf("%q, %q: made %q", c.first, c.again, left)
		}
	}
}

// The name is checked before anybody has to think of a passphrase.
func TestPromptNotForTakenName(t *testing.T) {
	home := t.TempDir()
	if out, err := exec.Command("signet-wrap", "identity", "generate", "--name", "bot", "--unencrypted", "--home", home).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := start(t, home, "identity", "generate", "--name", "bot")
	if status, stderr := s.end(t); status != 1 || strings.Contains(stderr, "passphrase") || !strings.Contains(stderr, "there is a key") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// Control-C at the prompt gives the terminal its echo back.
func TestPromptInterrupted(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		home := t.TempDir()
		s := start(t, home, "identity", "generate", "--name", "bot")
		s.await(t, `: `)
		if err := s.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if status, stderr := s.end(t); status != 1 || !strings.Contains(stderr, "interrupted") {
			t.Errorf("%v: status %d: %s", sig, status, stderr)
		}
		if _, err := os.Stat(filepath.Join(home, "keys")); err == nil {
			t.Errorf("%v: something was made", sig)
		}
	}
}
