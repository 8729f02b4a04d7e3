package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakeTap is between a client and a command and keeps a copy of what
// passes: PREFIX.1.in and PREFIX.1.out for the first tap with that prefix,
// PREFIX.2… for the next: some clients start a server twice.
func fakeTap(args []string) int {
	prefix, argv := args[0], args[1:]
	in, out, err := tapFiles(prefix)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tap:", err)
		return 1
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		fmt.Fprintln(os.Stderr, "tap:", err)
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		for s := range term {
			cmd.Process.Signal(s)
		}
	}()
	go func() {
		io.Copy(io.MultiWriter(in, stdin), os.Stdin)
		stdin.Close()
	}()
	io.Copy(io.MultiWriter(out, os.Stdout), stdout)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		signal.Reset(syscall.SIGTERM)
		p.Signal(syscall.SIGTERM)
	}
	select {}
}

func tapFiles(prefix string) (in, out *os.File, err error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.%d", prefix, n)
		in, err = os.OpenFile(name+".in", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			out, err = os.Create(name + ".out")
		}
		return in, out, err
	}
}

// tapped is what a tap kept: all that its client sent and all it was sent.
type tapped struct{ in, out []byte }

// tap returns the command line that runs argv with a tap before it, and a function
// that says, after the end, what each start of it saw.
func tap(t *testing.T, argv []string) ([]string, func() []tapped) {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "tap")
	read := func() []tapped {
		t.Helper()
		var all []tapped
		for n := 1; ; n++ {
			name := prefix + "." + strconv.Itoa(n)
			in, err := os.ReadFile(name + ".in")
			if errors.Is(err, os.ErrNotExist) {
				return all
			}
			out, err2 := os.ReadFile(name + ".out")
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			all = append(all, tapped{in, out})
		}
	}
	return append(fake(t, "tap", prefix), argv...), read
}

func TestTapIsTransparent(t *testing.T) {
	argv, read := tap(t, fake(t, "exit", "7", strings.Repeat("x", 100_000)))
	p := start(t, t.TempDir(), argv)
	p.send("a\nb")
	p.end()
	got := p.rest()
	if how := p.how(); how != "exit status 7" {
		t.Errorf("ended with %s", how)
	}
	if len(got) != 100_000 {
		t.Errorf("received %d bytes", len(got))
	}
	if all := read(); len(all) != 1 || string(all[0].in) != "a\nb" || !bytes.Equal(all[0].out, got) {
		t.Errorf("the tap kept %d starts", len(all))
	}
}
