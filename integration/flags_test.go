package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const addCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2},"_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}` + "\n"

// TestFlags: what the wrapper's flags change, on the wire and in the log.
func TestFlags(t *testing.T) {
	home := newHome(t)
	home.signet(t, 0, nil, "identity", "generate", "--name", "other", "--owner", "Zoë", "--unencrypted")
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, []string{
		"--key", "other", "--target", "mcp://calculator", "--hash-only", "--sync", "off", "--meta-key", "com.example/receipt",
	}, fake(t, "sink", file)...))
	p.send(addCall)
	p.finish()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	logged := home.records(t)
	if len(logged) != 1 {
		t.Fatalf("%d records", len(logged))
	}
	r := logged[0]
	want := strings.Replace(addCall, `-01"}`, `-01","com.example/receipt":`+string(r.raw)+`}`, 1)
	if d := difference([]byte(want), got); d != "" {
		t.Error(d)
	}
	if r.Signer.Name != "other" || !bytes.Contains(r.raw, []byte(`"owner":"Zoë"`)) {
		t.Errorf("signed by %q: %s", r.Signer.Name, r.raw)
	}
	if r.Action.Target != "mcp://calculator" || r.Action.Transport != "stdio" {
		t.Errorf("target %q, transport %q", r.Action.Target, r.Action.Transport)
	}
	if string(r.Action.Params) != "null" || bytes.Contains(got, []byte(`"params":{"a"`)) {
		t.Errorf("the arguments are in the receipt: %s", r.raw)
	}
	if r.Action.TraceID != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace_id %q", r.Action.TraceID)
	}
	home.signet(t, 0, r.raw, "verify", "-")
}

// TestNamesOfVerbs: a wrapped command may bear the name of one of our verbs.
func TestNamesOfVerbs(t *testing.T) {
	directory := t.TempDir()
	self := fake(t, "echo")[0]
	name := filepath.Join(directory, "verify")
	if err := os.Symlink(self, name); err != nil {
		noSuchThing(t, []string{"windows"}, "no symbolic links here: %v", err)
	}
	t.Setenv("PATH", directory+string(os.PathListSeparator)+os.Getenv("PATH"))
	p := start(t, t.TempDir(), wrapped.argv(t, nil, "verify", "fake", "say", "--chain"))
	if got := string(p.finish()); got != "--chain" {
		t.Errorf("the server said %q", got)
	}
}

// TestNotStarted: a server that cannot be started is one useful line, and the
// exit status that shells have for it.
func TestNotStarted(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "not-executable")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ command, how string }{
		{"no-such-command-here", "exit status 127"},
		{"/no/such/command", "exit status 127"},
		{plain, "exit status 126"},
	} {
		home := newHome(t)
		p := start(t, home.dir, wrapped.argv(t, nil, c.command))
		if out := p.rest(); len(out) > 0 {
			t.Errorf("%s: wrote %q to stdout", c.command, out)
		}
		if how := p.how(); how != c.how {
			t.Errorf("%s: ended with %s, want %s", c.command, how, c.how)
		}
		if said := p.stderr(); !strings.HasPrefix(said, "signet-wrap: ") || !strings.Contains(said, c.command) {
			t.Errorf("%s: said %q", c.command, said)
		}
		if _, err := os.Stat(filepath.Join(home.dir, ".signet")); err == nil {
			t.Errorf("%s: something was made in the home", c.command)
		}
	}
}

// TestEmptyWord: a word that a client's configuration left empty, in front of
// "--", is no verb, and what is around it still counts.
func TestEmptyWord(t *testing.T) {
	for _, flags := range [][]string{{""}, {"", "--hash-only"}, {"--hash-only", "", ""}} {
		home := newHome(t)
		file := filepath.Join(t.TempDir(), "received")
		p := start(t, home.dir, wrapped.argv(t, flags, fake(t, "sink", file)...))
		p.send(addCall)
		if out := p.finish(); len(out) > 0 {
			t.Errorf("%q: wrote %q to stdout", flags, out)
		}
		logged := home.records(t)
		if len(logged) != 1 {
			t.Fatalf("%q: %d records", flags, len(logged))
		}
		if hidden := string(logged[0].Action.Params) == "null"; hidden != (len(flags) > 1) {
			t.Errorf("%q: logged %s", flags, logged[0].raw)
		}
	}
}

// TestBadFlags: a command line that makes no sense is one line on stderr, and
// exit status 125 where a server was to be wrapped.
func TestBadFlags(t *testing.T) {
	for _, flags := range [][]string{{"--bogus"}, {"--bogus", "value"}, {"---key", "other"}, {"--hash-only=maybe", "x"}, {"--sync", "maybe"}} {
		p := start(t, newHome(t).dir, wrapped.argv(t, flags, fake(t, "echo")...))
		if out := p.rest(); len(out) > 0 {
			t.Errorf("%q: wrote %q to stdout", flags, out)
		}
		if how := p.how(); how != "exit status 125" {
			t.Errorf("%q: ended with %s", flags, how)
		}
		if said := p.stderr(); !strings.HasPrefix(said, "signet-wrap: ") {
			t.Errorf("%q: said %q", flags, said)
		}
	}
}
