//go:build unix

package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// A wrapper goes on recording while old days are compressed and moved: each call has its
// response, and the log is whole.
func TestArchiveWhileRecording(t *testing.T) {
	t.Parallel()
	home, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	if err := testlog.Write(home, testlog.Options{Records: 200, Batch: 5, Start: time.Now().AddDate(0, 0, -300), Span: 299 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary(t), args...)
		cmd.Env = append(os.Environ(), "SIGNET_HOME="+home)
		return cmd
	}
	run := func(status int, args ...string) {
		t.Helper()
		cmd := command(args...)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != status {
			t.Fatalf("%q: %v\n%s", args, cmd.ProcessState, out)
		}
	}
	run(0, "identity", "generate", "--name", "default", "--unencrypted")
	wrapper := command("--system-log", "off", "--params", "apart", "--", "cat")
	in, err := wrapper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := wrapper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := wrapper.Start(); err != nil {
		t.Fatal(err)
	}
	stop, calls := make(chan struct{}), make(chan int)
	go func() { // a call after the response to the one before
		lines, n := bufio.NewReader(out), 0
		defer func() { calls <- n }()
		defer in.Close()
		for {
			fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"erased","arguments":{"n":%d}}}`+"\n", n, n)
			if _, err := lines.ReadString('\n'); err != nil {
				return
			}
			n++
			select {
			case <-stop:
				in.Close()
				io.Copy(io.Discard, lines)
				return
			default:
			}
		}
	}()
	run(0, "audit", "archive", "--until", "30d", "--compress")
	run(0, "audit", "archive", "--until", "180d", "--to", elsewhere)
	run(0, "audit", "erase", "--tool", "erased", "--reason", "a test", "--yes")
	close(stop)
	if n := <-calls; n < 2 {
		t.Errorf("%d calls had a response", n)
	}
	if err := wrapper.Wait(); err != nil {
		t.Error(err)
	}
	run(3, "verify", "--chain", "--log", filepath.Join(home, "audit"), "--log", elsewhere) // what was erased
}
