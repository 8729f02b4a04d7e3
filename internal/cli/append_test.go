package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// listener is a system's log that keeps the heads in it.
type listener struct{ heads []event.Head }

func (*listener) To() string { return "journald" }

func (l *listener) Send(_ string, message []byte) error {
	e, err := event.Decode(bytes.TrimPrefix(message, []byte(heads.Phrase)))
	if h, ok := e.(event.Head); ok {
		l.heads = append(l.heads, h)
	}
	return err
}

// TestVerbsSendHeads: each verb that writes to the log sends a head of its record to the
// system's log, so that truncation of it shows; unless the configuration says "off".
func TestVerbsSendHeads(t *testing.T) {
	home := t.TempDir()
	var system listener
	var out bytes.Buffer
	verb := func(args ...string) {
		t.Helper()
		out.Reset()
		s := logless(System{Stdin: os.Stdin, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }})
		s.OpenLog = func() systemlog.Sender { return &system }
		if status := Main(append([]string{"signet-wrap", "--home", home}, args...), s); status != 0 {
			t.Fatalf("%q: exit status %d\n%s", args, status, &out)
		}
	}
	for _, name := range []string{"default", "other"} {
		verb("identity", "generate", "--name", name, "--unencrypted")
	}
	verbs := [][]string{
		{"sign", "--tool", "pay"},
		{"identity", "set-owner", "--name", "default", "--owner", "Ada"},
		{"identity", "rotate", "--name", "default"},
		{"identity", "retire", "--name", "other"},
		{"identity", "revoke", "--name", "default"},
	}
	for n, args := range verbs {
		verb(args...)
		var newest event.Hash
		for e, err := range testlog.Records(filepath.Join(home, "audit")) {
			if err != nil {
				t.Fatal(err)
			}
			newest = e.RecordHash
		}
		if len(system.heads) != n+1 || system.heads[n].Head != newest || !system.heads[n].Last {
			t.Errorf("after %q: %+v, want %s", args, system.heads, newest)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte("system-log = 'off'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verb("identity", "generate", "--name", "default", "--unencrypted")
	verb("sign", "--tool", "pay")
	if len(system.heads) != len(verbs) {
		t.Errorf("%d heads where none is to be sent", len(system.heads)-len(verbs))
	}
}
