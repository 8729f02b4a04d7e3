package wrap_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestLibrary: a program that calls Run keeps its signals, and its process is as it was:
// a signal to it does not reach the server.
func TestLibrary(t *testing.T) {
	before := process(t)
	stdin, client, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	output, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan wrap.Exit, 1)
	go func() {
		exit, err := wrap.Run(wrap.Options{
			Options: record.Options{Command: []string{os.Args[0]}, Audit: t.TempDir(), Signer: func() (*sign.Signer, error) { return nil, errors.New("no key") }},
			Env:     append(os.Environ(), "WRAP_EXAMPLE=server"), Stdin: stdin, Stdout: stdout,
		})
		if err != nil {
			t.Error(err)
		}
		ended <- exit
	}()
	lines := bufio.NewReader(output)
	ask := func() {
		t.Helper()
		io.WriteString(client, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n")
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if during := process(t); during != before {
		t.Errorf("before:\n%s\nwhile it runs:\n%s", before, during)
	}
	ours := make(chan os.Signal, 1)
	defer signal.Stop(ours)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGCHLD, syscall.SIGTSTP} {
		signal.Notify(ours, s)
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		for got := os.Signal(nil); got != s; got = <-ours {
		}
		ask()
		signal.Reset(s)
	}
	client.Close()
	if exit := <-ended; exit.Code != 0 || exit.Signal != nil {
		t.Errorf("the server ended with %+v", exit)
	}
	if after := process(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// process is what a wrapper that has its process for itself changes of it, and what it
// might: whether others may read it, whether it adopts orphans, limits, process group,
// umask and ignored signals.
func process(t *testing.T) string {
	t.Helper()
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var adopts int32
	if err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&adopts)), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	state := fmt.Sprintf("dumpable %d, adopts %d, group %d, in %s\n%s", dumpable, adopts, syscall.Getpgrp(), directory, limits)
	for line := range strings.Lines(string(status)) {
		if name, _, _ := strings.Cut(line, ":"); name == "SigIgn" || name == "Umask" || name == "NoNewPrivs" {
			state += line
		}
	}
	return state
}
