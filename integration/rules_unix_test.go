//go:build unix

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// hear receives a line and expects that it is want.
func (p *proc) hear(want string) {
	p.t.Helper()
	if got := string(p.line()); got != want+"\n" {
		p.t.Fatalf("heard %q, want %q", got, want)
	}
}

// signal sends a signal to the process, not to its group.
func (p *proc) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// TestSignalsArrive: a signal to the wrapper is one to the server, and it is
// the server's to end or not.
func TestSignalsArrive(t *testing.T) {
	p := start(t, t.TempDir(), wrapped.argv(t, nil, fake(t, "name-signals")...))
	p.hear("ignored: []")
	for range 2 {
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2} {
			p.signal(s)
			p.hear(s.String())
		}
	}
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("heard %q, too", rest)
	}
	if said := p.stderr(); said != "" {
		t.Errorf("said %q", said)
	}
}

// TestIgnoredStaysIgnored: under nohup, HUP ends neither wrapper nor server;
// the server finds it ignored as it would without us.
func TestIgnoredStaysIgnored(t *testing.T) {
	argv := append([]string{"sh", "-c", `trap '' HUP; exec "$@"`, "sh"}, wrapped.argv(t, nil, fake(t, "name-signals")...)...)
	p := start(t, t.TempDir(), argv)
	p.hear("ignored: [hangup]")
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGUSR1)
	p.hear(syscall.SIGUSR1.String())
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("heard %q, too", rest)
	}
}

// TestPipeIsDefault: the server dies of a broken pipe as programs do that never
// heard of it, and the wrapper of the same.
func TestPipeIsDefault(t *testing.T) {
	const script = `echo ready; read x; kill -s PIPE $$; echo survived`
	for _, w := range []way{direct, wrapped} {
		p := start(t, t.TempDir(), w.argv(t, nil, "sh", "-c", script))
		p.hear("ready")
		p.send("go\n")
		if rest := p.rest(); len(rest) > 0 {
			t.Errorf("%s: heard %q", w, rest)
		}
		if how := p.how(); how != "signal: broken pipe" {
			t.Errorf("%s: ended with %q", w, how)
		}
	}
}

// TestNotStartedSays: whatever keeps the server from being started is one line
// that names it and one that helps, on stderr, and the status of env(1).
func TestNotStartedSays(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name string
		argv []string
		how  string
		says []string
	}{
		{"not in PATH", []string{"--", "no-such-command"}, "exit status 127", []string{`"no-such-command"`, "PATH=" + dir}},
		{"no such file", []string{"--", dir + "/none"}, "exit status 127", []string{dir + "/none"}},
		{"a directory", []string{"--", dir}, "exit status 126", []string{dir}},
		{"no interpreter", []string{"--", file("a", "#!/no/such/interpreter\n")}, "exit status 126", []string{dir + "/a", "interpreter"}},
		{"no such flag", []string{"--no-such-flag", "--", "x"}, "exit status 125", []string{"no-such-flag"}},
		{"no such value", []string{"--sync", "maybe", "--", "x"}, "exit status 125", []string{"--sync", `"maybe"`}},
		{"a size for no call", []string{"--max-call", "64", "--", "x"}, "exit status 125", []string{"--max-call", `"64"`, "1KiB"}},
		{"no such name of a member", []string{"--meta-key", "a=b", "--", "x"}, "exit status 125", []string{"--meta-key", `"a=b"`}},
		{"no such size", []string{"--max-call", "huge", "--", "x"}, "exit status 125", []string{"--max-call", `"huge"`}},
		{"no such name", []string{"--key", "a/b", "--", "x"}, "exit status 125", []string{"--key", `"a/b"`}},
		{"nothing to start", []string{"--"}, "exit status 125", []string{`"--"`}},
		{"an empty name", []string{"--", ""}, "exit status 125", []string{`"--"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			p := start(t, home, append([]string{binary(t)}, c.argv...), func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, "PATH="+dir)
			})
			if out := p.rest(); len(out) > 0 {
				t.Errorf("wrote %q to stdout", head(out))
			}
			if how := p.how(); how != c.how {
				t.Errorf("ended with %s, want %s", how, c.how)
			}
			said := p.stderr()
			first, hint, _ := strings.Cut(said, "\n")
			if !strings.HasPrefix(first, "signet-wrap: ") || strings.Count(hint, "\n") > 1 || hint != "" && !strings.HasPrefix(hint, "hint: ") {
				t.Errorf("said %q", said)
			}
			for _, want := range c.says {
				if !strings.Contains(first, want) {
					t.Errorf("said %q, without %q", first, want)
				}
			}
			if made, _ := os.ReadDir(home); len(made) > 0 {
				t.Errorf("made %v", made)
			}
		})
	}
}
