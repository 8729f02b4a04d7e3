package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/sshagent"
)

// TestHeldKeyFiles: a key that an agent holds has two halves as any other has, and
// nothing secret in them.
func TestHeldKeyFiles(t *testing.T) {
	public := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	s := Store{filepath.Join(t.TempDir(), "keys")}
	if _, err := s.AddHeld("k", "me", public, "relative"); err == nil {
		t.Error("a relative socket: no error")
	}
	if _, err := s.AddHeld("k", "me", public, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddHeld("k", "me", public, ""); !errors.Is(err, fs.ErrExist) {
		t.Errorf("twice: %v", err)
	}
	k, err := s.Load("k", nil)
	if err != nil || !k.Held() || !public.Equal(k.Public()) || k.Owner != "me" || len(k.Warnings) > 0 {
		t.Fatalf("%v, %v", k, err)
	}
	p, err := s.Public("k")
	if err != nil || p.Agent != SSHAgent || !p.Private || p.Encrypted || !p.Key.Equal(public) {
		t.Errorf("%+v, %v", p, err)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(t.TempDir(), "none"))
	if _, err := k.Sign(nil, []byte("{}"), nil); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("no agent: %v", err)
	}
	for _, err := range []error{
		s.Protect("k", &Source{Kind: Keychain, Entry: "x"}, []byte("p"), nil),
		s.Unprotect("k", nil),
	} {
		if !errors.Is(err, ErrHeld) {
			t.Error(err)
		}
	}
	os.Remove(s.pubPath("k"))
	if p, err := s.Restore("k", "me", nil); err != nil || !p.Key.Equal(public) {
		t.Errorf("restored: %v, %v", p, err)
	}
	os.Remove(s.pubPath("k"))
	if p, err := s.AddHeld("k", "me", public, ""); err != nil || !p.Key.Equal(public) {
		t.Errorf("added again: %v, %v", p, err)
	}
	os.Remove(s.pubPath("k"))
	if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("generated over it: %v", err)
	}

	good, err := os.ReadFile(s.keyPath("k"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`"agent": "ssh"`, `"agent": "gpg"`},
		{`"agent": "ssh"`, `"agent": 1`},
		{`"agent": "ssh"`, `"agent": "ssh", "seed": "AAAA"`},
		{`"agent": "ssh"`, `"agent": "ssh", "Agent": "ssh"`},
		{`"agent": "ssh"`, `"agent": "ssh", "socket": "here"`},
		{`"agent": "ssh"`, `"agent": "ssh", "socket": "/a\u0000"`},
		{`"agent": "ssh"`, `"agent": "ssh", "ciphertext": ""`},
		{`"pubkey"`, `"pubkeys"`},
	} {
		write(t, s.keyPath("k"), []byte(strings.Replace(string(good), c[0], c[1], 1)))
		if _, err := s.Load("k", nil); !errors.As(err, new(*FileError)) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

// BenchmarkSign is what a signature costs, by a key file and by OpenSSH's agent.
func BenchmarkSign(b *testing.B) {
	s := Store{b.TempDir()}
	if _, err := s.Generate("file", "", nil); err != nil {
		b.Fatal(err)
	}
	file, err := s.Load("file", nil)
	if err != nil {
		b.Fatal(err)
	}
	message := []byte(`{"a":"` + strings.Repeat("x", 600) + `"}`)
	sign := func(b *testing.B, k *Key) {
		for b.Loop() {
			if _, err := k.Sign(nil, message, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("file", func(b *testing.B) { sign(b, file) })
	b.Run("ssh-agent", func(b *testing.B) {
		if _, err := exec.LookPath("ssh-agent"); err != nil || runtime.GOOS == "windows" {
			b.Skip("needs ssh-agent")
		}
		dir, err := os.MkdirTemp("", "a") // the paths of sockets are short
		if err != nil {
			b.Fatal(err)
		}
		defer os.RemoveAll(dir)
		socket, path := filepath.Join(dir, "s"), filepath.Join(dir, "k")
		agent := exec.Command("ssh-agent", "-D", "-a", socket)
		if err := agent.Start(); err != nil {
			b.Fatal(err)
		}
		defer agent.Wait()
		defer agent.Process.Kill()
		for end := time.Now().Add(30 * time.Second); !exists(socket) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		b.Setenv("SSH_AUTH_SOCK", socket)
		for _, argv := range [][]string{{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path}, {"ssh-add", "-q", path}} {
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				b.Fatalf("%q: %v: %s", argv, err, out)
			}
		}
		line, err := os.ReadFile(path + ".pub")
		if err != nil {
			b.Fatal(err)
		}
		blob, _ := base64.StdEncoding.DecodeString(strings.Fields(string(line))[1])
		public, _ := sshagent.ParseBlob(blob)
		if _, err := s.AddHeld("held", "", public, ""); err != nil {
			b.Fatal(err)
		}
		held, err := s.Load("held", nil)
		if err != nil {
			b.Fatal(err)
		}
		sign(b, held)
	})
}
