package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A proc is a started command whose pipes are in our hands: a client that can
// send any bytes, at any speed, and sees exactly those that come back. The
// first thing that takes longer than patience fails the test.
type proc struct {
	t    testing.TB
	cmd  *exec.Cmd
	mark mark
	in   *os.File      // its stdin
	out  *bufio.Reader // its stdout
	pipe *os.File      // below out
	log  string        // file with its stderr

	ended chan struct{}
}

// A mark is an environment variable that is in the environment of all
// processes that descend from one start.
type mark string

const markName = "SIGNET_WRAP_TEST"

var marks atomic.Int64

func newMark() mark {
	return mark(fmt.Sprintf("%s=%d.%d", markName, os.Getpid(), marks.Add(1)))
}

// left is what still runs with the mark after a while in which it may end.
func (m mark) left() []string {
	for wait := 8 * time.Millisecond; wait < 2*time.Second; wait *= 2 { // 2 s in all
		if len(m.processes()) == 0 {
			return nil
		}
		time.Sleep(wait)
	}
	return m.processes()
}

// scrubbed is the environment that most clients give a server.
func scrubbed(home string) []string {
	env := []string{"HOME=" + home}
	for _, name := range []string{"PATH", "SHELL", "TERM", "USER", "LOGNAME", "SystemRoot", "TEMP", "TMP"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// start starts argv in a scrubbed environment with home as its $HOME. The
// options may change the command before.
func start(t testing.TB, home string, argv []string, options ...func(*exec.Cmd)) *proc {
	t.Helper()
	p := &proc{t: t, mark: newMark(), ended: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(scrubbed(home), string(p.mark))

	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// A file, not a buffer: Wait would wait for every holder of a pipe.
	p.log = filepath.Join(t.TempDir(), "stderr")
	errs, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = inR, outW, errs
	p.in, p.pipe, p.out = inW, outR, bufio.NewReaderSize(outR, 1<<16)
	for _, o := range options {
		o(p.cmd)
	}

	err = p.cmd.Start()
	inR.Close()
	outW.Close()
	errs.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.in.Close()
		p.pipe.Close()
		p.cmd.Process.Kill()
		<-p.ended
		p.mark.kill()
		if t.Failed() {
			if said := head([]byte(p.stderr())); len(said) > 0 {
				t.Logf("stderr of %q begins:\n%s", argv, said)
			}
		}
	})
	return p
}

// says waits until text is on stderr: our own lines hold up no reply, so they may
// come after it.
func (p *proc) says(text string) bool {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(p.stderr(), text) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// write sends b, all of it at once.
func (p *proc) write(b []byte) {
	p.t.Helper()
	// Fails with ErrNoDeadline where pipes have none: there a test that hangs
	// is ended by go test.
	_ = p.in.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.in.Write(b); err != nil {
		p.t.Fatalf("writing %d bytes to the server: %v", len(b), err)
	}
}

// send is write for text.
func (p *proc) send(s string) {
	p.t.Helper()
	p.write([]byte(s))
}

// line receives up to and including the next newline.
func (p *proc) line() []byte {
	p.t.Helper()
	_ = p.pipe.SetReadDeadline(time.Now().Add(patience))
	b, err := p.out.ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("reading a line: %v after %d bytes %q", err, len(b), head(b))
	}
	return b
}

// rest receives all that comes until the end of the stream.
func (p *proc) rest() []byte {
	p.t.Helper()
	_ = p.pipe.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(p.out)
	if err != nil {
		p.t.Fatalf("reading to the end: %v after %d bytes %q", err, len(b), head(b))
	}
	return b
}

// end closes the server's stdin.
func (p *proc) end() {
	p.t.Helper()
	if err := p.in.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		p.t.Fatal(err)
	}
}

// how waits for the process to end and says how it did: "exit status 7",
// "signal: killed".
func (p *proc) how() string {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.String()
	case <-time.After(patience):
		p.t.Fatalf("%q did not end", p.cmd.Args)
		return ""
	}
}

// finish ends the input, receives what is left and expects an exit status of
// 0. It returns what was left.
func (p *proc) finish() []byte {
	p.t.Helper()
	p.end()
	rest := p.rest()
	if how := p.how(); how != "exit status 0" {
		p.t.Fatalf("%q ended with %s", p.cmd.Args, how)
	}
	return rest
}

// settled waits until nothing that p started runs any more: a server may
// outlive a killed wrapper by a moment.
func (p *proc) settled() {
	p.t.Helper()
	p.how()
	end := time.Now().Add(patience)
	for wait := time.Millisecond; len(p.mark.processes()) > 0; wait = min(2*wait, 50*time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("still running: %q", p.mark.processes())
		}
		time.Sleep(wait)
	}
}

// stderr is what the process, and all that share its stderr, have written.
func (p *proc) stderr() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// head is the beginning of b, for messages.
func head(b []byte) []byte { return b[:min(len(b), 400)] }

// difference names the first place where two texts differ, for messages.
func difference(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	from := max(0, i-60)
	clip := func(b []byte) []byte { return b[from:min(len(b), i+120)] }
	return fmt.Sprintf("they differ from byte %d on (%d and %d bytes):\nwant …%q…\n got …%q…",
		i, len(want), len(got), clip(want), clip(got))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
