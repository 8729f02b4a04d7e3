package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// onTerminal is a command whose stderr is a terminal, or stdout too.
type onTerminal struct {
	*exec.Cmd
	screen *bufio.Reader
	stdout bytes.Buffer
}

func startOnTerminal(t *testing.T, home, args string, stdoutToo bool, env ...string) *onTerminal {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine in each process: nothing for the race detector")
	}
	ours, theirs := pty(t)
	return startOn(t, ours, theirs, home, args, stdoutToo, env...)
}

// startOn is startOnTerminal with a terminal that pty made, which it closes.
func startOn(t *testing.T, ours, theirs *os.File, home, args string, stdoutToo bool, env ...string) *onTerminal {
	t.Helper()
	c := &onTerminal{Cmd: exec.Command("signet-wrap", append(strings.Fields(args), "--home", home)...), screen: bufio.NewReader(ours)}
	c.Env = append(append(os.Environ(), eagerBar+"=1", "NO_COLOR=1"), env...)
	c.Stdout, c.Stderr = &c.stdout, theirs
	if stdoutToo {
		c.Stdout = theirs
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close() // so that the screen ends with the command
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// rest is what the screen shows until the command ends, and its exit status.
func (c *onTerminal) rest(t *testing.T) (screen string, status int) {
	t.Helper()
	b, _ := io.ReadAll(c.screen) // a terminal without a program is an I/O error
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(b), c.ProcessState.ExitCode()
}
