//go:build !windows

package home

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
)

func fromShell(script string) ([]byte, error) {
	return Unlock{}.From(&keys.Source{Kind: keys.PassphraseCommand, Command: []string{"/bin/sh", "-c", script}})
}

func TestPassphraseCommand(t *testing.T) {
	// While wrapping, our stdin is the client's.
	client, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ours.WriteString("a call\n")
	ours.Close()
	before := os.Stdin
	os.Stdin = client
	defer func() { os.Stdin = before }()

	for _, c := range []struct{ script, want, err string }{
		{`printf 'correct horse\nmore\n'`, "correct horse", ""},
		{`printf 'correct horse\r\n'`, "correct horse", ""},
		{`printf 'correct horse'`, "correct horse", ""},
		{`if read x; then echo "$x"; else echo 'nothing to read'; fi`, "nothing to read", ""},
		{`echo horse; sleep 30 2>/dev/null & exit 0`, "horse", ""}, // a daemon that keeps stdout
		{`exit 0`, "", "first line"},
		{`echo; echo horse`, "", "first line"},
		{`echo horse; exit 1`, "", "exit status 1"},
		{`echo horse; kill -9 $$`, "", "killed"},
		{`yes horse | head -c 5000000`, "", "more than 4096 bytes"},
		{`echo horse >&2; exit 3`, "", "exit status 3"},
	} {
		got, err := fromShell(c.script)
		switch {
		case c.err == "" && (err != nil || string(got) != c.want):
			t.Errorf("%s: %q, %v", c.script, got, err)
		case c.err != "" && (err == nil || got != nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %q, %v; want an error with %q", c.script, got, err, c.err)
		case err != nil && strings.Contains(err.Error(), "horse"):
			t.Errorf("%s: the secret is in the error: %v", c.script, err)
		}
	}
	if _, err := (Unlock{}).From(&keys.Source{Kind: keys.PassphraseCommand, Command: []string{"/not/there"}}); err == nil || !strings.Contains(err.Error(), "/not/there") {
		t.Errorf("not there: %v", err)
	}
}

// A command that hangs is given up, with all that it has started.
func TestPassphraseCommandHangs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	_, err := fromShell(`echo horse; sleep 600 & echo $! > ` + file + `; wait`)
	if err == nil || !strings.Contains(err.Error(), "within 5s") || strings.Contains(err.Error(), "horse") {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 { // init reaps it when it gets there; a zombie is dead
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Error("what the command started lives on")
}

// A passphrase file that is a pipe is read, and not waited for for ever.
func TestPassphrasePipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if f, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			f.WriteString("correct horse\n")
			f.Close()
		}
	}()
	if p, err := Passphrase(pipe, nil); err != nil || string(p) != "correct horse" {
		t.Errorf("%q, %v", p, err)
	}
	defer func(d time.Duration) { pipeLimit = d }(pipeLimit)
	pipeLimit = time.Millisecond
	if p, err := Passphrase(pipe, nil); err == nil || !strings.Contains(err.Error(), "nothing came from") {
		t.Errorf("%q, %v", p, err)
	}
	if f, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil { // ends the wait that goes on
		f.Close()
	}
}
