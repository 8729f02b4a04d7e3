package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/sshagent"
)

func trustedKey(seed byte) (ed25519.PublicKey, string) {
	s := make([]byte, 32)
	s[0] = seed
	key := ed25519.NewKeyFromSeed(s).Public().(ed25519.PublicKey)
	return key, "ssh-ed25519 " + base64.StdEncoding.EncodeToString(sshagent.Blob(key))
}

func TestParseTrust(t *testing.T) {
	key, ssh := trustedKey(1)
	utc := func(s string) time.Time { at, _ := time.Parse(time.RFC3339, s); return at }
	local := time.Date(2026, 1, 2, 0, 0, 0, 0, time.Local)
	rsa := "ssh-rsa " + base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x07ssh-rsa\x00\x00"))
	for _, c := range []struct {
		line string
		want *TrustLine // nil: it does not count
	}{
		{"alice " + ssh, &TrustLine{Principals: []string{"alice"}}},
		{"\talice@example.com,bob   " + ssh + " a comment \r", &TrustLine{Principals: []string{"alice@example.com", "bob"}}},
		{`"Build team" ` + ssh, &TrustLine{Principals: []string{"Build team"}}},
		{`a namespaces="signet-wrap" ` + ssh, &TrustLine{Principals: []string{"a"}}},
		{`a namespaces="git,signet-wrap,signet-maintenance" ` + ssh, &TrustLine{Principals: []string{"a"}, Maintenance: true}},
		{`a VALID-AFTER="20260102",valid-before="202601020304Z" ` + ssh, nil},
		{`a valid-after="20260102" ` + ssh, &TrustLine{Principals: []string{"a"}, After: local}},
		{`a valid-before="20260102030405Z",namespaces="signet-wrap" ` + ssh, &TrustLine{Principals: []string{"a"}, Before: utc("2026-01-02T03:04:05Z")}},
		{`a namespaces="git" ` + ssh, nil},
		{"# a comment", nil},
		{"", nil},
		{"a " + rsa, nil},
	} {
		if strings.Contains(c.line, "VALID") { // whose order depends on where we are
			if _, err := ParseTrust([]byte(c.line)); local.Before(utc("2026-01-02T03:04:00Z")) != (err == nil) {
				t.Errorf("%s: %v", c.line, err)
			}
			continue
		}
		got, err := ParseTrust([]byte("# first\n" + c.line + "\n"))
		if err != nil || (len(got) > 0) != (c.want != nil) {
			t.Errorf("%s: %v, %v", c.line, got, err)
			continue
		}
		if c.want == nil {
			continue
		}
		g, w := got[0], *c.want
		if strings.Join(g.Principals, "|") != strings.Join(w.Principals, "|") || !g.Key.Equal(key) || g.Number != 2 ||
			!g.After.Equal(w.After) || !g.Before.Equal(w.Before) || g.Maintenance != w.Maintenance {
			t.Errorf("%s: %+v", c.line, g)
		}
		again, err := ParseTrust([]byte(FormatTrust(g)))
		if err != nil || len(again) != 1 || FormatTrust(again[0]) != FormatTrust(g) {
			t.Errorf("%s, written again: %v, %v", c.line, again, err)
		}
	}
}

// TestTrustRefused: a line that is not as it should be is an error that names it.
func TestTrustRefused(t *testing.T) {
	_, ssh := trustedKey(1)
	for _, line := range []string{
		"alice", "alice ssh-ed25519", "alice ssh-ed25519 AAAA", "alice ssh-ed25519 !", ssh,
		strings.Replace("alice "+ssh, "ssh-ed25519", "ssh-rsa", 1), strings.Replace("alice "+ssh, "ssh-ed25519", "ed25519", 1),
		"* " + ssh, "alice,*.example.com " + ssh, "!bob " + ssh, "a?b " + ssh, ",a " + ssh, `"" ` + ssh, `"alice ` + ssh,
		"alice cert-authority " + ssh, `alice namespaces="*" ` + ssh, `alice namespaces="signet*" ` + ssh, `alice namespaces="!git" ` + ssh,
		`alice namespaces=signet-wrap ` + ssh, `alice namespaces="" ` + ssh, `alice namespaces ` + ssh, `alice no-touch-required ` + ssh,
		`alice valid-before="2026" ` + ssh, `alice valid-before="20261301" ` + ssh, `alice valid-before="tomorrow" ` + ssh, `alice valid-before="+2026010" ` + ssh,
		`alice valid-after="20260102",valid-before="20260102" ` + ssh, `alice valid-after="20260102",valid-after="20260103" ` + ssh,
		"alice\x00 " + ssh, strings.Repeat("a", 300) + " " + ssh, strings.Repeat("a,", 30) + "a " + ssh,
		"alice " + ssh[:len(ssh)-4], `alice valid-before="20260102" namespaces="git" ` + ssh,
	} {
		_, err := ParseTrust([]byte("\n" + line + "\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := ParseTrust(make([]byte, MaxTrust+1)); err == nil {
		t.Error("a megabyte: no error")
	}
}

// TestTrustAsSSH: what we write, ssh-keygen reads in the same way.
func TestTrustAsSSH(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs ssh-keygen")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "k")
	run := func(stdin string, argv ...string) (string, error) {
		cmd := exec.Command("ssh-keygen", argv...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	message := filepath.Join(dir, "m")
	write(t, message, []byte("m"))
	if out, err := run("", "-Y", "sign", "-f", key, "-n", TrustNamespace, message); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines, err := ParseTrust(append([]byte("me "), pub...))
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	for _, c := range []struct {
		before time.Time
		good   bool
	}{{time.Time{}, true}, {time.Now().Add(24 * time.Hour), true}, {time.Now().Add(-24 * time.Hour), false}} {
		l := lines[0]
		l.Principals, l.Before = []string{"Build team"}, c.before
		trust := filepath.Join(dir, "trust")
		write(t, trust, []byte("# first\n"+FormatTrust(l)+"\n"))
		out, err := run("m", "-Y", "verify", "-f", trust, "-I", "Build team", "-n", TrustNamespace, "-s", message+".sig")
		if (err == nil) != c.good {
			t.Errorf("until %v: %v: %s", c.before, err, out)
		}
	}
}

func FuzzParseTrust(f *testing.F) {
	_, ssh := trustedKey(1)
	f.Add("alice " + ssh)
	f.Add(`"a b",c namespaces="signet-wrap",valid-after="20260102Z" ` + ssh + " x")
	f.Fuzz(func(t *testing.T, s string) {
		lines, err := ParseTrust([]byte(s))
		for _, l := range lines {
			again, err := ParseTrust([]byte(FormatTrust(l)))
			if err != nil || len(again) != 1 || !again[0].Key.Equal(l.Key) || strings.Join(again[0].Principals, ",") != strings.Join(l.Principals, ",") {
				t.Errorf("%q: %q: %v, %v", s, FormatTrust(l), again, err)
			}
		}
		if err != nil && lines != nil {
			t.Error(lines, err)
		}
	})
}
