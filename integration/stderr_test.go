package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestFullStderr: clients exist that never read a server's stderr. Whatever we
// have to say then holds up no call, and no end.
func TestFullStderr(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		plain bool // the home is a file
		reply string
	}{
		{"the first call makes a key", nil, false, `"_signet"`},
		{"each call is reported", []string{"--verbose"}, false, `"_signet"`},
		{"calls are refused", nil, true, `"error"`},
		{"calls are forwarded unsigned", []string{"--fail-open"}, true, `"tools/call"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			if c.plain {
				if err := os.WriteFile(filepath.Join(home, ".signet"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := start(t, home, wrapped.argv(t, c.flags, fake(t, "echo")...), fullStderr(t))
			for range 200 { // more than are queued
				p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}` + "\n")
				if got := p.line(); !bytes.Contains(got, []byte(c.reply)) {
					t.Fatalf("heard %q, want %s in it", got, c.reply)
				}
			}
			p.finish()
		})
	}
	t.Run("nothing to start", func(t *testing.T) {
		p := start(t, t.TempDir(), wrapped.argv(t, nil, "no-such-command"), fullStderr(t))
		if how := p.how(); how != "exit status 127" {
			t.Errorf("ended with %s", how)
		}
	})
}

// fullStderr gives a command a pipe for stderr into which nothing more goes,
// and that nobody reads.
func fullStderr(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		theirs.Close()
		ours.Close()
	})
	if err := ours.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		noSuchThing(t, []string{"windows"}, "no way to fill a pipe: %v", err)
	}
	ours.Write(make([]byte, 16<<20)) // until the deadline
	return func(cmd *exec.Cmd) { cmd.Stderr = ours }
}
