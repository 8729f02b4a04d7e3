package wrap_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestLibrary: a program that calls Run keeps its signals, and its memory is as open as
// it was: a signal to it does not reach the server.
func TestLibrary(t *testing.T) {
	before, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
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
	ours := make(chan os.Signal, 1)
	signal.Notify(ours, syscall.SIGTERM)
	defer signal.Stop(ours)
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ours
	ask()
	if after, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || after != before {
		t.Errorf("PR_GET_DUMPABLE: %d before, %d after, %v", before, after, err)
	}
	client.Close()
	if exit := <-ended; exit.Code != 0 || exit.Signal != nil {
		t.Errorf("the server ended with %+v", exit)
	}
}
