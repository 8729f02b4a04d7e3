package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A secretService is a session bus with a real Secret Service on it,
// gnome-keyring's, for one test.
type secretService struct{ env []string }

func startSecretService(t *testing.T) secretService {
	t.Helper()
	for _, tool := range []string{"dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "no %s (Debian: dbus, gnome-keyring)", tool)
		}
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := newMark()
	t.Cleanup(m.kill)
	address := "DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(dir, "bus")
	env := append(scrubbed(dir), string(m), "XDG_RUNTIME_DIR="+dir, address)
	// Both are in the background, and ready, when the commands end.
	for _, argv := range [][]string{
		{"dbus-daemon", "--session", "--fork", "--address=unix:path=" + filepath.Join(dir, "bus")},
		{"gnome-keyring-daemon", "--unlock", "--components=secrets"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env, cmd.Stdin = env, strings.NewReader("pw") // of the login keyring, made by this
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", argv[0], err)
		}
	}
	return secretService{[]string{address, "XDG_RUNTIME_DIR=" + dir}}
}

// signetEnv is home.signet with more environment.
func (h home) signetEnv(t *testing.T, status int, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = append(scrubbed(h.dir), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("signet-wrap %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return string(out)
}

// call makes one call through the wrapper and gives the reply.
func (h home) call(t *testing.T, env ...string) string {
	t.Helper()
	p := start(t, h.dir, wrapped.argv(t, nil, fake(t, "reply")...), func(c *exec.Cmd) { c.Env = append(c.Env, env...) })
	p.send(benchCall)
	reply := string(p.line())
	p.finish()
	return reply
}

// searched are the arguments of benchCall.
var searched = []byte(`{"query":"weather in Zürich","limit":10,"fields":["title","url"]}`)

// A session with a key that the keychain opens, against a real Secret Service.
func TestKeychain(t *testing.T) {
	service := startSecretService(t)
	home := newHome(t)
	home.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	key := home.key(t)
	source := filepath.Join(home.dir, ".signet", "keys", "default.unlock.json")

	home.signetEnv(t, 0, service.env, "identity", "protect", "--name", "default", "--with", "keychain")
	secret := strings.TrimSpace(home.signetEnv(t, 0, service.env, "identity", "passphrase", "--name", "default"))
	if len(secret) != 43 { // 256 bits in base64
		t.Fatalf("the passphrase has %d characters", len(secret))
	}
	if text, err := os.ReadFile(source); err != nil || strings.Contains(string(text), secret) {
		t.Errorf("%v: %s", err, text)
	}
	if reply := home.call(t, service.env...); strings.Contains(reply, "error") {
		t.Errorf("refused: %s", reply)
	}
	if records := home.records(t); len(records) != 1 {
		t.Fatalf("%d records", len(records))
	} else {
		records[0].verify(t, key, searched)
	}

	// Of another home than the environment's, too.
	newHome(t).signetEnv(t, 0, service.env, "sign", "--tool", "t", "--no-log", "--home", filepath.Join(home.dir, ".signet"))

	// Without the bus the call is refused, with the reason; the environment's
	// passphrase is not tried.
	reply := home.call(t, "SIGNET_PASSPHRASE="+secret, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus")
	if !strings.Contains(reply, "no passphrase from the keychain: asking the keychain: the session bus does not answer") || strings.Contains(reply, secret) {
		t.Errorf("without a bus: %s", reply)
	}
	if len(home.records(t)) != 1 {
		t.Error("recorded without a key")
	}

	if out := home.signetEnv(t, 0, service.env, "identity", "unprotect", "--name", "default"); strings.Contains(out, "still has") {
		t.Error(out)
	}
	home.call(t)
	records := home.records(t)
	if len(records) != 2 {
		t.Fatalf("%d records", len(records))
	}
	records[1].verify(t, key, searched)
}

// A bus that takes the connection and says nothing is given up.
func TestKeychainHangs(t *testing.T) {
	home := newHome(t)
	home.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	bus := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", bus)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out := home.signetEnv(t, 1, []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + bus}, "identity", "protect", "--name", "default", "--with", "keychain")
	if !strings.Contains(out, "did not respond within 2s") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(home.dir, ".signet", "keys", "default.unlock.json")); err == nil {
		t.Error("a source was written")
	}
	home.call(t)
	if len(home.records(t)) != 1 {
		t.Error("the key no longer signs")
	}
}

// A session with a key that a command opens, in the environment that clients
// give: HOME, PATH and little else.
func TestProtectedSession(t *testing.T) {
	home := newHome(t)
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	home.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	key := home.key(t)
	home.signet(t, 0, nil, "identity", "protect", "--name", "default", "--with", "passphrase-command", "--", "cat", pass)
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "reply")...), func(c *exec.Cmd) {
		c.Env = []string{"HOME=" + home.dir, "PATH=/usr/bin:/bin", "USER=u", string(c.Env[len(c.Env)-1])}
	})
	turn(p, benchCall)
	turn(p, benchCall)
	p.finish()
	records := home.records(t)
	if len(records) != 2 {
		t.Fatalf("%d records", len(records))
	}
	for _, r := range records {
		r.verify(t, key, searched)
	}
	if text := p.stderr(); strings.Contains(text, "horse") {
		t.Error(text)
	}
}

// TestTalkativePassphraseCommand: what a passphrase command says on stderr holds
// up no call either, if the client reads none of it.
func TestTalkativePassphraseCommand(t *testing.T) {
	home := newHome(t)
	home.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	home.signet(t, 0, nil, "identity", "protect", "--name", "default", "--with", "passphrase-command", "--",
		"sh", "-c", "yes | head -c 300000 >&2; echo correct horse")
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "echo")...), fullStderr(t))
	p.send(benchCall + "\n")
	if got := p.line(); !strings.Contains(string(got), `"_signet"`) {
		t.Errorf("heard %q", got)
	}
	p.finish()
}
