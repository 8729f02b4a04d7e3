package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// auditors is what an auditor has: a copy of a log in a directory of any name, and
// what journalctl -o json gave of it.
type auditors struct {
	t       *testing.T
	dir     string
	log     string
	journal string
	signer  *sign.Signer
	key     string // as --pubkey takes it
	clock   time.Time
}

// kept is a system's log that keeps heads in a file.
type kept struct{ *auditors }

func (kept) To() string { return "journald" }

func (k kept) Send(identifier string, message []byte) error {
	entry, err := json.Marshal(map[string]string{
		"MESSAGE": string(message), "SYSLOG_IDENTIFIER": identifier, "_UID": "1000", "_MACHINE_ID": "m",
		"__REALTIME_TIMESTAMP": fmt.Sprint(k.clock.UnixMicro()),
	})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(entry, '\n'))
	return err
}

func newAuditors(t *testing.T) *auditors {
	dir := t.TempDir()
	a := &auditors{t: t, dir: dir, log: filepath.Join(dir, "what they gave us"), journal: filepath.Join(dir, "journal.json"),
		clock: time.Now().Add(-24 * time.Hour).Truncate(time.Second)}
	a.signer, a.key = testSigner(t, "bot")
	return a
}

// calls adds n calls to the log, an hour after those before, and a head to the
// journal if anchored.
func (a *auditors) calls(n int, anchored bool) {
	a.t.Helper()
	a.clock = a.clock.Add(time.Hour)
	l := chain.New(a.log, chain.Options{Now: func() time.Time { return a.clock }})
	defer l.Close()
	s := heads.New(l, a.signer, "ses_0123456789abcdef0123456789abcdef", kept{a}, nil)
	written, err := l.Append(n, func(_ int, at chain.At) ([]byte, error) { return call(a.t, a.signer, "pay")(at), nil })
	if err != nil {
		a.t.Fatal(err)
	}
	if anchored {
		s.Wrote(written)
	}
}

// file writes a file of the auditor's.
func (a *auditors) file(name, content string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// line is a line of a trust file for the log's key.
func (a *auditors) line(l keys.TrustLine) string {
	l.Key, l.Principals = a.signer.PublicKey(), []string{"alice@example.com"}
	return keys.FormatTrust(l) + "\n"
}

// verify runs verify --chain on the log.
func (a *auditors) verify(args ...string) (f verify.Log, status int, out string) {
	a.t.Helper()
	args = append([]string{"verify", "--chain", "--log", a.log}, args...)
	status, out, errs := run(a.t, args...)
	jsonStatus, line, _ := run(a.t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(line), &f); err != nil && status != exitUsage || jsonStatus != status {
		a.t.Fatalf("%v, exit status %d and %d\n%s%s", err, status, jsonStatus, out, errs)
	}
	return f, status, out + errs
}

// TestAuditorsLine: the line of the README, and who is trusted by it at which time.
func TestAuditorsLine(t *testing.T) {
	a := newAuditors(t)
	a.calls(3, true)
	anchored := a.clock
	line := []string{"--trust", a.file("trust", a.line(keys.TrustLine{})), "--against", a.journal, "--require", "system-log"}
	f, status, out := a.verify(line...)
	if s := f.Authenticity.Signers; status != exitOK || f.Authenticity.Verdict != "trusted" || len(s) != 1 || s[0].Trust != verify.Trusted || s[0].KnownAs != "alice@example.com" {
		t.Errorf("exit status %d: %+v\n%s", status, f.Authenticity, out)
	}
	if !strings.Contains(out, `(known here as "alice@example.com"): trusted`) || !strings.HasPrefix(out, "valid: ") {
		t.Errorf("%s", out)
	}

	other, _ := testSigner(t, "other")
	a.calls(2, false) // which the thief of the key may have made, at any time
	for _, c := range []struct {
		name             string
		trust            string
		status           int
		verdict          string
		ownWord, outside int64
	}{
		{"open", a.line(keys.TrustLine{}), exitOK, "trusted", 0, 0},
		{"closed after all", a.line(keys.TrustLine{Before: a.clock.Add(time.Hour)}), exitUnconfirmed, "unconfirmed", 2, 0},
		{"closed between", a.line(keys.TrustLine{Before: anchored.Add(time.Minute)}), exitUnconfirmed, "unconfirmed", 0, 2},
		{"closed before the anchor", a.line(keys.TrustLine{Before: anchored.Add(-time.Minute)}), exitUnconfirmed, "unconfirmed", 0, 5},
		{"not yet open", a.line(keys.TrustLine{After: a.clock.Add(-time.Minute)}), exitUnconfirmed, "unconfirmed", 0, 3},
		{"two periods", a.line(keys.TrustLine{Before: anchored.Add(time.Minute)}) + a.line(keys.TrustLine{After: a.clock.Add(-time.Minute)}), exitOK, "trusted", 0, 0},
		{"another key", keys.FormatTrust(keys.TrustLine{Principals: []string{"o"}, Key: other.PublicKey()}), exitUnconfirmed, "unknown", 0, 0},
		{"another namespace", strings.Replace(a.line(keys.TrustLine{}), "signet-wrap", "git", 1), exitUnconfirmed, "unknown", 0, 0},
		{"nobody", "# nobody\n", exitUnconfirmed, "unknown", 0, 0},
	} {
		f, status, out := a.verify("--trust", a.file("trust", c.trust), "--against", a.journal)
		var own, outside int64
		for _, s := range f.Authenticity.Signers {
			own, outside = own+s.OwnWord, outside+s.Outside
		}
		if status != c.status || f.Authenticity.Verdict != c.verdict || own != c.ownWord || outside != c.outside {
			t.Errorf("%s: exit status %d: %+v\n%s", c.name, status, f.Authenticity, out)
		}
	}

	// Without the journal, when anything was signed is its own word.
	closed := a.file("trust", a.line(keys.TrustLine{Before: a.clock.Add(time.Hour)}))
	if f, status, _ := a.verify("--trust", closed); status != exitUnconfirmed || f.Authenticity.Signers[0].OwnWord != 5 {
		t.Errorf("no anchor: exit status %d: %+v", status, f.Authenticity)
	}
	// Nobody vouches for when the lines of a syslog file came.
	cat := ""
	for l := range strings.Lines(string(read(t, a.journal))) {
		var entry struct{ MESSAGE string }
		if err := json.Unmarshal([]byte(l), &entry); err != nil {
			t.Fatal(err)
		}
		cat += entry.MESSAGE + "\n"
	}
	if f, status, _ := a.verify("--trust", closed, "--against", a.file("cat", cat)); status != exitUnconfirmed || f.Authenticity.Signers[0].OwnWord != 5 {
		t.Errorf("a syslog file: exit status %d: %+v", status, f.Authenticity)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTrustFiles: which trust files count, and what is said of those that do not.
func TestTrustFiles(t *testing.T) {
	a := newAuditors(t)
	a.calls(1, false)
	good := a.line(keys.TrustLine{})
	for _, c := range []struct {
		name, path, content string
		status              int
		says                string
	}{
		{"good", "trust", good, exitOK, "trusted"},
		{"as Windows writes it", "trust", "\xef\xbb\xbf" + strings.ReplaceAll(good, "\n", "\r\n"), exitOK, "trusted"},
		{"a bad line", "trust", good + "\nalice ssh-ed25519 AAAA\n", exitUsage, "line 3: "},
		{"a pattern", "trust", strings.Replace(good, "alice", "*", 1), exitUsage, "line 1: the principal"},
		{"a pipe's worth", "trust", strings.Repeat("#", keys.MaxTrust+1), exitUsage, ""},
		{"in the log's directory", "what they gave us/trust", good, exitUnconfirmed, "makes none trusted: it lies in "},
	} {
		_, status, out := a.verify("--trust", a.file(c.path, c.content))
		if status != c.status || !strings.Contains(out, c.says) || status == exitUsage && strings.Count(out, "\n") > 2 {
			t.Errorf("%s: exit status %d\n%.2000s", c.name, status, out)
		}
	}
	if _, status, _ := a.verify("--trust", filepath.Join(a.dir, "none")); status != exitUsage {
		t.Errorf("no such file: exit status %d", status)
	}
	if status, _, errs := run(t, "verify", "--chain", "--log", filepath.Join(a.dir, "none"), "--trust", a.file("trust", good)); status != exitUsage || !strings.Contains(errs, "no such directory") {
		t.Errorf("no such log: exit status %d: %s", status, errs)
	}
	// Of --log alone, no keys of a home are known; of --home, they are named by it.
	if f, status, _ := a.verify(); status != exitUnconfirmed || f.Authenticity.Verdict != "unknown" {
		t.Errorf("no keys: exit status %d: %+v", status, f.Authenticity)
	}
	if f, status, _ := a.verify("--pubkey", a.key); status != exitOK || f.Authenticity.Verdict != "known" || f.Authenticity.Signers[0].Trust != verify.Trusted {
		t.Errorf("--pubkey: exit status %d: %+v", status, f.Authenticity)
	}
	home := filepath.Join(a.dir, "home")
	public := keys.FormatPublic(&keys.Public{Name: "bot", Key: a.signer.PublicKey(), Created: time.Now()})
	a.file("home/keys/bot.pub", string(public))
	if f, status, _ := a.verify("--home", home); status != exitOK || f.Authenticity.Verdict != "known" || f.Authenticity.Signers[0].Trust != verify.Named {
		t.Errorf("named by the home: exit status %d: %+v", status, f.Authenticity)
	}
	other, _ := testSigner(t, "other")
	elsewhere := a.file("trust", keys.FormatTrust(keys.TrustLine{Principals: []string{"o"}, Key: other.PublicKey()})+"\n")
	if f, status, out := a.verify("--home", home, "--trust", elsewhere); status != exitUnconfirmed || f.Authenticity.Verdict != "unconfirmed" || !strings.Contains(out, "named by this home alone") {
		t.Errorf("named by the home, with a trust file: exit status %d: %+v\n%s", status, f.Authenticity, out)
	}
	if _, status, out := a.verify("--home", home, "--trust", a.file("home/trust", good)); status != exitUnconfirmed || !strings.Contains(out, "it lies in "+home) {
		t.Errorf("a trust file in the home: exit status %d\n%s", status, out)
	}

	// That of the system, which root alone may write.
	if os.Getuid() != 0 {
		return
	}
	old := trustFile
	defer func() { trustFile = old }()
	trustFile = a.file("etc/trust", good)
	if f, status, _ := a.verify(); status != exitOK || f.Authenticity.Trust != trustFile {
		t.Errorf("the system's: exit status %d: %+v", status, f.Authenticity)
	}
	if err := os.Chmod(trustFile, 0o622); err != nil {
		t.Fatal(err)
	}
	if _, status, out := a.verify(); status != exitUsage || !strings.Contains(out, "others than root can write "+trustFile) {
		t.Errorf("the system's, for all to write: exit status %d\n%s", status, out)
	}
	if _, status, _ := a.verify("--trust", elsewhere); status != exitUnconfirmed {
		t.Errorf("--trust beside it: exit status %d", status)
	}
}

// TestTrustedReceipt: of a receipt by itself nobody says when it was there.
func TestTrustedReceipt(t *testing.T) {
	a := newAuditors(t)
	receipt := a.file("r.json", string(call(t, a.signer, "pay")(chain.At{Time: time.Now()})))
	for _, c := range []struct {
		trust  string
		status int
	}{
		{a.line(keys.TrustLine{}), exitOK},
		{a.line(keys.TrustLine{Before: time.Now().Add(time.Hour)}), exitUnconfirmed},
		{a.line(keys.TrustLine{Before: time.Now().Add(-time.Hour)}), exitUnconfirmed},
		{a.line(keys.TrustLine{After: time.Now().Add(time.Hour)}), exitUnconfirmed},
		{"", exitUnconfirmed},
	} {
		path := a.file("trust", c.trust)
		if status, out, _ := run(t, "verify", receipt, "--trust", path); status != c.status {
			t.Errorf("%q: exit status %d\n%s", c.trust, status, out)
		}
		export := a.file("export.jsonl", strings.Repeat(string(read(t, receipt))+"\n", 1)+"\n"+string(call(t, a.signer, "b")(chain.At{Time: time.Now()}))+"\n")
		if status, out, _ := run(t, "verify", export, "--trust", path); status != c.status {
			t.Errorf("an export, %q: exit status %d\n%s", c.trust, status, out)
		}
	}
}

// TestMaintenance: that records are gone is accepted by a key that may, and by no other.
func TestMaintenance(t *testing.T) {
	a := newAuditors(t)
	l := chain.New(a.log, chain.Options{})
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
		return eventBy(t, a.signer, event.NewEpoch{Origin: "o", Size: 5, Root: "AAAA", Reason: "moved"})(at), nil
	}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, c := range []struct {
		line   keys.TrustLine
		status int
	}{
		{keys.TrustLine{}, exitUnconfirmed},
		{keys.TrustLine{Maintenance: true}, exitOK},
		{keys.TrustLine{Maintenance: true, Before: time.Now().Add(time.Hour)}, exitUnconfirmed},
		{keys.TrustLine{Maintenance: true, After: time.Now().Add(time.Hour)}, exitUnconfirmed},
	} {
		if _, status, out := a.verify("--trust", a.file("trust", a.line(c.line))); status != c.status {
			t.Errorf("%+v: exit status %d, want %d\n%s", c.line, status, c.status, out)
		}
	}
}
