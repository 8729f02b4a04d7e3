//go:build !race

package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file that was named by mistake, or made to fill memory, does not.
func TestVerifyFileMemory(t *testing.T) {
	const size = 300 << 20
	for name, start := range map[string]string{
		"one line":      `{"a":"`,
		"no JSON":       "a",
		"several lines": "{\n",
		"JSON lines":    "{\"a\":1}\n",
		"nothing":       "",
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(start), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil { // the rest are zeros
			t.Fatal(err)
		}
		peak := filepath.Join(t.TempDir(), "status")
		cmd := exec.Command("signet-wrap", "verify", path, "--home", t.TempDir())
		cmd.Env = append(os.Environ(), peakFile+"="+peak)
		out, _ := cmd.CombinedOutput()
		if mb := peakOf(t, peak); mb > maxPeak || cmd.ProcessState.ExitCode() != exitUsage || len(out) > 500 {
			t.Errorf("%s: %d MB, %v: %.500s", name, mb, cmd.ProcessState, out)
		}
	}
}

// Ctrl-C ends the wait for a pipe, and says so with the status of what could not
// be checked.
func TestVerifyPipeInterrupted(t *testing.T) {
	for _, before := range []string{"", "{", `{"a":1}` + "\n" + `{"a":1}` + "\n", "c2sp.org/tlog-proof@v1\n"} {
		for _, args := range []string{"verify PIPE", "verify --chain --against PIPE", "verify --pubkey PIPE x", "sign --tool t --params @PIPE"} {
			if before != "" && args != "verify PIPE" {
				continue
			}
			home := t.TempDir()
			pipe := filepath.Join(home, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(home, "audit"), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("signet-wrap", append(strings.Fields(strings.ReplaceAll(args, "PIPE", pipe)), "--home", home)...)
			errs, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			to, err := os.OpenFile(pipe, os.O_WRONLY, 0) // which waits until it is read
			if err != nil {
				t.Fatal(err)
			}
			to.WriteString(before)
			cmd.Process.Signal(os.Interrupt)
			said, _ := bufio.NewReader(errs).ReadString('\n')
			err = cmd.Wait()
			to.Close()
			want := exitUsage
			if strings.HasPrefix(args, "sign") {
				want = exitFailed
			}
			if cmd.ProcessState.ExitCode() != want || !strings.Contains(said, "interrupted") {
				t.Errorf("%s after %q: %v: %q", args, before, err, said)
			}
		}
	}
}

// A pipe without a writer cannot even be opened.
func TestOpenInterrupted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&command{}).open(ctx, pipe); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	to, err := os.OpenFile(pipe, os.O_RDWR, 0) // ends the wait that goes on
	if err != nil {
		t.Fatal(err)
	}
	to.Close()
}
