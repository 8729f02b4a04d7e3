//go:build unix

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sshAgent is a real SSH agent with a home of a user whose key it holds.
type sshAgent struct {
	t      *testing.T
	home   home
	dir    string // short, for the paths of sockets are
	socket string
	ask    string // the program that the agent asks persons with
	kill   func()
}

// newSSHAgent starts OpenSSH's agent or, if gpg, gpg-agent. Nobody answers what
// it asks, but for answer.
func newSSHAgent(t *testing.T, gpg bool) *sshAgent {
	t.Helper()
	for _, tool := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "%v", err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a := &sshAgent{t: t, home: quietHome(t), dir: dir, ask: filepath.Join(dir, "ask")}
	a.answers("no")
	if gpg {
		a.startGPG()
	} else {
		a.start()
	}
	t.Cleanup(func() { a.kill() })
	return a
}

func (a *sshAgent) start() {
	a.t.Helper()
	a.socket = filepath.Join(a.dir, "s")
	os.Remove(a.socket)
	cmd := exec.Command("ssh-agent", "-D", "-a", a.socket)
	cmd.Env = append(scrubbed(a.home.dir), "SSH_ASKPASS="+a.ask, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:nowhere")
	a.run(cmd)
}

func (a *sshAgent) startGPG() {
	a.t.Helper()
	for _, tool := range []string{"gpg-agent", "gpg-connect-agent"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(a.t, "%v", err)
		}
	}
	// A pinentry that says yes, and the same passphrase each time.
	pin := filepath.Join(a.dir, "pinentry")
	script := "#!/bin/sh\necho OK\nwhile read -r verb rest; do\n case $verb in GETPIN) echo D horse;; BYE) echo OK; exit;; esac\n echo OK\ndone\n"
	if err := os.WriteFile(pin, []byte(script), 0o700); err != nil {
		a.t.Fatal(err)
	}
	a.socket = filepath.Join(a.dir, "S.gpg-agent.ssh")
	a.run(exec.Command("gpg-agent", "--homedir", a.dir, "--daemon", "--enable-ssh-support", "--pinentry-program", pin))
	kill := a.kill
	a.kill = func() { // it is a daemon
		exec.Command("gpg-connect-agent", "--homedir", a.dir, "--no-autostart", "killagent", "/bye").Run()
		kill()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			c, err := net.Dial("unix", a.socket)
			if err != nil {
				break
			}
			c.Close()
		}
		a.kill = func() {}
	}
}

// run starts an agent and waits for its socket.
func (a *sshAgent) run(cmd *exec.Cmd) {
	a.t.Helper()
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
		a.kill = func() {}
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", a.socket); err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("%q does not listen", cmd.Args)
		}
	}
}

// answers has what the agent asks answered so: by a passphrase, "" for yes, or
// "no".
func (a *sshAgent) answers(with string) {
	a.t.Helper()
	status := 0
	if with == "no" {
		status = 1
	}
	script := fmt.Sprintf("#!/bin/sh\necho %s >> %s.asked\necho %s\nexit %d\n", "x", a.ask, with, status)
	if err := os.WriteFile(a.ask, []byte(script), 0o700); err != nil {
		a.t.Fatal(err)
	}
}

// asked is how often the agent has asked.
func (a *sshAgent) asked() int {
	b, _ := os.ReadFile(a.ask + ".asked")
	return bytes.Count(b, []byte("\n"))
}

// command runs a command that talks to the agent.
func (a *sshAgent) command(argv ...string) (string, error) {
	a.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = a.dir
	cmd.Env = append(scrubbed(a.home.dir), "SSH_AUTH_SOCK="+a.socket, "SSH_ASKPASS="+a.ask, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:nowhere")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (a *sshAgent) must(argv ...string) string {
	a.t.Helper()
	out, err := a.command(argv...)
	if err != nil {
		a.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return out
}

// refuses runs a command that must fail with one line and, perhaps, a hint.
func (a *sshAgent) refuses(says string, argv ...string) {
	a.t.Helper()
	out, err := a.command(argv...)
	first, hint, _ := strings.Cut(out, "\n")
	if err == nil || !strings.Contains(first, says) || hint != "" && (!strings.HasPrefix(hint, "hint: ") || strings.Count(hint, "\n") > 1) {
		a.t.Errorf("%q: %v, want one line with %q\n%s", argv, err, says, out)
	}
}

// key makes a key and has the agent hold it.
func (a *sshAgent) key(name string, flags ...string) {
	a.t.Helper()
	a.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name)
	a.must(append(append([]string{"ssh-add", "-q"}, flags...), name)...)
}

// wrap starts a wrapper with the key agent, before a server that keeps what it
// gets.
func (a *sshAgent) wrap(flags ...string) (*proc, serverLog) {
	a.t.Helper()
	l := newServerLog(a.t)
	flags = append([]string{"--key", "agent"}, flags...)
	p := start(a.t, a.home.dir, wrapped.argv(a.t, flags, l.server()...), func(c *exec.Cmd) {
		c.Env = append(c.Env, "SSH_AUTH_SOCK="+a.socket)
	})
	return p, l
}

// refused asks for a call that must be refused, with that in the reason.
func (p *proc) refused(line, says string) {
	p.t.Helper()
	p.send(line)
	if got := string(p.line()); !strings.Contains(got, `"error"`) || !strings.Contains(got, says) {
		p.t.Errorf("a call got %q, want an error with %q", head([]byte(got)), says)
	}
}

// TestAgents: a wrapper whose key an agent holds, through the agent's life. The log
// is what it is with a key file.
func TestAgents(t *testing.T) {
	t.Parallel()
	for _, gpg := range []bool{false, true} {
		t.Run(map[bool]string{false: "ssh-agent", true: "gpg-agent"}[gpg], func(t *testing.T) {
			t.Parallel()
			a := newSSHAgent(t, gpg)
			a.key("agent")
			self := binary(t)
			a.must(self, "identity", "add", "--name", "agent", "--ssh-agent")
			if b, err := os.ReadFile(filepath.Join(a.home.dir, ".signet", "keys", "agent.key")); err != nil || bytes.Contains(b, []byte("seed")) {
				t.Errorf("the key file: %s, %v", b, err)
			}
			p, l := a.wrap()
			// Of every size: agents drop what is long.
			for n, size := range []int{0, 30 << 10, 33 << 10, 70 << 10, 300 << 10, 2 << 20} {
				if got := p.ask(long(n, size)); got != sentBack {
					t.Errorf("a call of %d bytes got %v", size, got)
				}
			}
			if !gpg {
				a.answers("horse")
				a.must("ssh-add", "-x")
				p.refused(numbered(10), "locked")
				a.refuses("locked", self, "identity", "add", "--name", "b", "--ssh-agent")
				a.refuses("locked", self, "sign", "--key", "agent", "--tool", "t")
				a.must("ssh-add", "-X")
				if got := p.ask(numbered(11)); got != sentBack {
					t.Errorf("with the agent unlocked, a call got %v", got)
				}
				a.must("ssh-add", "-q", "-D")
				p.refused(numbered(12), "does not hold the key")
			}
			a.kill()
			p.refused(numbered(13), "cannot be reached")
			a.refuses("cannot be reached", self, "identity", "add", "--name", "b", "--ssh-agent")
			if gpg {
				a.startGPG()
			} else {
				a.start()
				a.must("ssh-add", "-q", "agent")
			}
			if got := p.ask(numbered(14)); got != sentBack {
				t.Errorf("with the agent back, a call got %v", got)
			}
			p.finish()
			for _, c := range l.calls(t) {
				if c.id == "10" || c.id == "12" || c.id == "13" {
					t.Errorf("call %s was forwarded", c.id)
				}
			}
			a.home.complete(t, l)
			if status, out := a.home.verdict(t); status != 0 || !strings.Contains(out, "agent") {
				t.Errorf("verify --chain: exit status %d\n%s", status, out)
			}
		})
	}
}

// TestAgentAsks: a key that asks each time. Who says no has the call refused.
func TestAgentAsks(t *testing.T) {
	t.Parallel()
	a := newSSHAgent(t, false)
	a.answers("")
	a.key("agent", "-c")
	self := binary(t)
	a.must(self, "identity", "add", "--name", "agent", "--ssh-agent", "agent")
	p, l := a.wrap("--outcomes", "off")
	before := a.asked()
	if got := p.ask(numbered(1)); got != sentBack {
		t.Errorf("with a yes, a call got %v", got)
	}
	if n := a.asked() - before; n != 1 {
		t.Errorf("asked %d times for one call", n)
	}
	a.answers("no")
	p.refused(numbered(2), "refused to sign")
	a.refuses("refused to sign", self, "sign", "--key", "agent", "--tool", "t")
	a.refuses("refused to sign", self, "identity", "add", "--name", "b", "--ssh-agent")
	out, err := a.command(self, "doctor", "--key", "agent")
	if err == nil || !strings.Contains(out, "refused to sign") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	p.finish()
	if calls := l.calls(t); len(calls) != 1 {
		t.Errorf("forwarded: %v", calls)
	}
	a.answers("")
	if out := a.must(self, "doctor", "--key", "agent"); !strings.Contains(out, "for every record") {
		t.Errorf("doctor:\n%s", out)
	}
	a.home.complete(t, l)
}

// TestAgentCosigns: a server's side whose key an agent holds signs responses, too.
func TestAgentCosigns(t *testing.T) {
	t.Parallel()
	a := newSSHAgent(t, false)
	a.answers("")
	a.key("agent", "-c")
	a.must(binary(t), "identity", "add", "--name", "server", "--ssh-agent", "agent")
	s := twoSides{newHome(t), a.home}
	s.client.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	p := start(t, s.client.dir, wrapped.argv(t, nil, s.check(t, []string{"--cosign"}, fake(t, "reply")...)...), func(c *exec.Cmd) {
		c.Env = append(c.Env, "SSH_AUTH_SOCK="+a.socket)
	})
	p.send(numbered(1))
	if got := string(p.line()); !strings.Contains(got, `"_meta":{"_signet":{"agent_receipt":{`) {
		t.Errorf("the client got %s", got)
	}
	p.finish()
	if e := s.client.events(t, "cosigned"); len(e) != 1 {
		t.Errorf("%d cosigned events", len(e))
	}
	found := s.client.signet(t, 0, nil, "verify", "--chain", "--pubkey", "default", "--pubkey", filepath.Join(a.home.dir, ".signet", "keys", "server.pub"))
	if !strings.Contains(found, `1 outcome confirmed by the server's key ("server", known here as "server")`) {
		t.Errorf("verify: %s", found)
	}
}

// TestAgentKeys: which keys an agent can have to sign receipts.
func TestAgentKeys(t *testing.T) {
	t.Parallel()
	a := newSSHAgent(t, false)
	self := binary(t)
	add := func(args ...string) []string { return append([]string{self, "identity", "add", "--name"}, args...) }
	a.refuses("holds no keys", add("a", "--ssh-agent")...)
	a.must("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "rsa", "-f", "rsa")
	a.must("ssh-add", "-q", "rsa")
	a.refuses("no plain ssh-ed25519 key", add("a", "--ssh-agent")...)
	a.refuses(`of the type "ssh-rsa"`, add("a", "--ssh-agent", "rsa")...)
	a.refuses(`of the type "ssh-rsa"`, add("a", "--ssh-agent=rsa", "--owner", "me")...)
	a.refuses("neither a fingerprint nor a comment", add("a", "--ssh-agent=")...)
	a.refuses(`one fingerprint or comment (got also "b")`, add("a", "--ssh-agent=rsa", "b")...)

	// A certificate comes beside its key, which is as good as any.
	a.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ca")
	a.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "certified", "-f", "certified")
	a.must("ssh-keygen", "-q", "-s", "ca", "-I", "x", "-n", "me", "certified.pub")
	a.must("ssh-add", "-q", "certified")
	a.must(add("a", "--ssh-agent")...)
	a.refuses(`there is a key "a"`, add("a", "--ssh-agent")...)

	a.key("second")
	a.refuses("holds 2 ssh-ed25519 keys: name one", add("b", "--ssh-agent")...)
	a.refuses(`no key "third"`, add("b", "--ssh-agent", "third")...)
	list := a.must("ssh-add", "-l")
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); fields[2] == "second" {
			a.must(add("b", "--ssh-agent", fields[1], "--socket", a.socket, "--owner", "me")...)
		}
	}
	out, err := exec.Command(self, "sign", "--home", filepath.Join(a.home.dir, ".signet"), "--key", "b", "--tool", "t").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`"owner":"me"`)) {
		t.Errorf("with --socket, and no SSH_AUTH_SOCK: %v\n%s", err, out)
	}
	a.refuses("an SSH agent holds the key", self, "identity", "protect", "--name", "a", "--with", "keychain")
	a.refuses("an SSH agent holds the key", self, "identity", "unprotect", "--name", "a")

	// One that is limited to hosts.
	hosts := filepath.Join(a.dir, "hosts")
	pub, err := os.ReadFile(filepath.Join(a.dir, "ca.pub"))
	if err != nil || os.WriteFile(hosts, append([]byte("example.org "), pub...), 0o600) != nil {
		t.Fatal(err)
	}
	a.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "limited", "-f", "limited")
	if out, err := a.command("ssh-add", "-q", "-H", hosts, "-h", "example.org", "limited"); err != nil {
		missing(t, "ssh-add -h: %v: %s", err, out)
	}
	a.refuses("refused to sign", add("c", "--ssh-agent", "limited")...)
}

// TestAgentHostile: an agent that is slow, or is none, costs a call and no more.
func TestAgentHostile(t *testing.T) {
	t.Parallel()
	garbage := append(length4(200<<10), bytes.Repeat([]byte{14}, 200<<10)...)
	for _, c := range []struct {
		name     string
		response []byte // nil: none
		says     string
	}{
		{"silent", nil, "did not respond within 20s"},
		{"megabytes", append(length4(50<<20), make([]byte, 4<<20)...), "makes no sense"},
		{"garbage", garbage, "makes no sense"},
		{"an end", []byte{}, "did not respond"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newSSHAgent(t, false)
			a.key("agent")
			a.must(binary(t), "identity", "add", "--name", "agent", "--ssh-agent")
			a.kill()
			os.Remove(a.socket)
			l, err := net.Listen("unix", a.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						if c.response == nil {
							io.Copy(io.Discard, conn) // until we hang up
						} else {
							conn.Read(make([]byte, 1<<10))
							conn.Write(c.response)
						}
						conn.Close()
					}()
				}
			}()
			p, calls := a.wrap()
			// All that come together: one bound for all.
			p.send(numbered(1) + numbered(2) + numbered(3))
			for range 3 {
				if got := p.line(); !bytes.Contains(got, []byte(c.says)) || !bytes.Contains(got, []byte(`"error"`)) {
					t.Errorf("a call got %q", head(got))
				}
			}
			p.finish()
			if got := calls.calls(t); len(got) > 0 {
				t.Errorf("forwarded: %v", got)
			}
		})
	}
}

// length4 is a length as SSH has it.
func length4(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }
