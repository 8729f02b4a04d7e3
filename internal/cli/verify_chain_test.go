package cli

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const referenceLog = "../../chain/testdata/log"

// referenceHome is a home directory with the log that the reference wrote.
func referenceHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	if err := os.CopyFS(home, os.DirFS(referenceLog)); err != nil {
		t.Fatal(err)
	}
	return home
}

// verified runs verify --chain --json.
func verified(t *testing.T, home string, args ...string) (f verify.Log, status int) {
	t.Helper()
	status, out, errs := run(t, append([]string{"verify", "--chain", "--json", "--home", home}, args...)...)
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return f, status
}

// A signer for logs of these tests, and its key as --pubkey takes it.
func testSigner(t *testing.T, name string) (*sign.Signer, string) {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	s, err := sign.NewSigner(key, name, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, formatKey(key.Public().(ed25519.PublicKey))
}

// logOf makes a home directory with a log of what the makers make.
func logOf(t *testing.T, makers ...func(chain.At) []byte) (home string) {
	t.Helper()
	home = t.TempDir()
	l := chain.New(filepath.Join(home, "audit"), chain.Options{NoSync: true})
	defer l.Close()
	if _, err := l.Append(len(makers), func(i int, at chain.At) ([]byte, error) { return makers[i](at), nil }); err != nil {
		t.Fatal(err)
	}
	return home
}

// receiptOf makes the receipt of an action for its place in the log, and gives it to
// each of see.
func receiptOf(t *testing.T, s *sign.Signer, a sign.Action, see ...func(*sign.Receipt)) func(chain.At) []byte {
	return func(at chain.At) []byte {
		t.Helper()
		d, err := s.Prepare(a)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.SignAt(at.Time, at.Prev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range see {
			f(r)
		}
		return r.Record
	}
}

func call(t *testing.T, s *sign.Signer, tool string) func(chain.At) []byte {
	return receiptOf(t, s, sign.Action{Tool: tool, Arguments: []byte(`{"a":1}`)})
}

// wrapped is call as a wrapper signs it: in a session, and so for one place.
func wrapped(t *testing.T, s *sign.Signer, tool string) func(chain.At) []byte {
	return receiptOf(t, s, sign.Action{Tool: tool, Session: "ses_0123456789abcdef0123456789abcdef"})
}

// withoutSecond takes the second record out of the log and makes all hashes
// again, for which no key is needed.
func withoutSecond(t *testing.T, home string) string {
	t.Helper()
	var left [][]byte
	for e, err := range testlog.Records(filepath.Join(home, "audit")) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, bytes.Clone(e.Receipt))
	}
	var makers []func(chain.At) []byte
	for _, receipt := range slices.Delete(left, 1, 2) {
		makers = append(makers, raw(string(receipt)))
	}
	return logOf(t, makers...)
}

func eventBy(t *testing.T, s *sign.Signer, e event.Event) func(chain.At) []byte {
	return func(at chain.At) []byte {
		r, err := s.Event(e, at.Time, at.Prev)
		if err != nil {
			t.Fatal(err)
		}
		return r.Record
	}
}

func raw(text string) func(chain.At) []byte {
	return func(chain.At) []byte { return []byte(text) }
}

func TestVerifyReferenceLog(t *testing.T) {
	home := referenceHome(t)
	f, status := verified(t, home)
	if status != exitOK || f.Verdict != "valid" || f.Records != 21 || f.Files != 3 || len(f.Authenticity.Signers) != 1 {
		t.Errorf("%+v, exit status %d", f, status)
	}
	var head struct{ Head string }
	readJSON(t, filepath.Join(referenceLog, "head.json"), &head)
	if f.Head != head.Head {
		t.Errorf("head %s, want %s", f.Head, head.Head)
	}
	if err := os.RemoveAll(filepath.Join(home, "keys")); err != nil {
		t.Fatal(err)
	}
	if f, status := verified(t, home); status != exitUnconfirmed || f.Authenticity.Verdict != "unknown" {
		t.Errorf("without keys: %+v, exit status %d", f, status)
	}
	if f, status := verified(t, home, "--pubkey", filepath.Join(referenceLog, "keys", "log-agent.pub")); status != exitOK {
		t.Errorf("key from a file: %+v, exit status %d", f, status)
	}
}

// What is in a log besides good receipts by known keys, and what is made of it.
func TestVerifyChainFindings(t *testing.T) {
	bot, botKey := testSigner(t, "bot")
	twin, twinKey := testSigner(t, "bot")
	if twinKey != botKey {
		t.Fatal("one name, one key")
	}
	other, otherKey := testSigner(t, "other")
	edited := func(at chain.At) []byte {
		return bytes.Replace(call(t, bot, "read")(at), []byte("read"), []byte("kill"), 1)
	}
	receipt := call(t, bot, "pay")(chain.At{Time: time.Now()})
	once := func(chain.At) []byte { return receipt }
	const violation = `{"action":{"tool":"x"},"ts":"2026-01-01T00:00:00.000Z","type":"policy_violation","v":1}`
	for _, tt := range []struct {
		name    string
		home    string
		args    []string
		status  int
		verdict [3]string
		says    string // in what a person reads
	}{
		{"all by one", logOf(t, call(t, bot, "a"), call(t, twin, "b")), []string{botKey}, exitOK,
			[3]string{"unbroken", "known", "no gap"}, "valid by itself: "},
		{"one by another", logOf(t, call(t, bot, "a"), call(t, other, "b")), []string{botKey}, exitUnconfirmed,
			[3]string{"unbroken", "unknown", "no gap"}, "1  other: " + otherKey + ", NOT known"},
		{"both known", logOf(t, call(t, bot, "a"), call(t, other, "b")), []string{botKey, otherKey}, exitOK,
			[3]string{"unbroken", "known", "no gap"}, "1  other\n"},
		{"hashes made again", logOf(t, call(t, bot, "a"), edited, call(t, bot, "c")), []string{botKey}, exitFailed,
			[3]string{"unbroken", "false", "no gap"}, ":2 forged: "},
		{"a record taken out and the hashes made again", withoutSecond(t, logOf(t, wrapped(t, bot, "a"), wrapped(t, bot, "b"), wrapped(t, bot, "c"), wrapped(t, bot, "d"))), []string{botKey}, exitFailed,
			[3]string{"broken", "known", "no gap"}, ":2 displaced: "},
		{"a receipt by hand, copied", logOf(t, call(t, bot, "a"), call(t, bot, "b"), once, once), []string{botKey}, exitUnconfirmed,
			[3]string{"unbroken", "unknown", "no gap"}, ":4: the log has the same receipt earlier"},
		{"an unsigned event", logOf(t, call(t, bot, "a"), raw(violation)), []string{botKey}, exitOK,
			[3]string{"unbroken", "known", "no gap"}, "1 event without a signature"},
		{"a signed event", logOf(t, eventBy(t, bot, event.TornLine{Kept: "x"})), []string{botKey}, exitUnconfirmed,
			[3]string{"unbroken", "known", "gaps"}, "x: a partial record was quarantined there, and is not there as it was"},
		{"a gap", logOf(t, eventBy(t, bot, event.Gap{Calls: 1200, Reason: "disk full"})),
			[]string{botKey}, exitUnconfirmed, [3]string{"unbroken", "known", "gaps"}, ":1: 1,200 calls forwarded unsigned"},
		{"a clock that stepped back", logOf(t, call(t, bot, "a"), eventBy(t, bot, event.ClockStep{}), eventBy(t, bot, event.ClockStep{}), call(t, bot, "b")),
			[]string{botKey}, exitOK, [3]string{"unbroken", "known", "no gap"}, "2 events of a clock that had stepped back"},
		{"damage that is no more", logOf(t, call(t, bot, "a"), eventBy(t, bot, event.LogDamaged{})),
			[]string{botKey}, exitOK, [3]string{"unbroken", "known", "no gap"}, "1 event of damage that a writer met"},
		{"a version to come", logOf(t, raw(`{"v":9}`)), []string{botKey}, exitUnconfirmed,
			[3]string{"unbroken", "unknown", "no gap"}, "version 9 is not known"},
		{"a response before its request", logOf(t, call(t, bot, "a"), doubtful(t, bot)), []string{botKey}, exitUnconfirmed,
			[3]string{"unbroken", "unknown", "no gap"}, ":2: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			for _, k := range tt.args {
				args = append(args, "--pubkey", k)
			}
			f, status := verified(t, tt.home, args...)
			got := [3]string{f.Integrity.Verdict, f.Authenticity.Verdict, f.Completeness.Verdict}
			if status != tt.status || got != tt.verdict {
				t.Errorf("exit status %d, %q, want %d, %q: %+v", status, got, tt.status, tt.verdict, f)
			}
			status, out, _ := run(t, append([]string{"verify", "--chain", "--home", tt.home}, args...)...)
			if status != tt.status || !strings.Contains(out, tt.says) {
				t.Errorf("exit status %d, %q is not in:\n%s", status, tt.says, out)
			}
		})
	}
}

// doubtful is a response from before its request.
func doubtful(t *testing.T, s *sign.Signer) func(at chain.At) []byte {
	return func(at chain.At) []byte {
		seed := sha256.Sum256([]byte("bot"))
		key := ed25519.NewKeyFromSeed(seed[:])
		body := fmt.Sprintf(`{"action":{"params":null,"params_hash":"%s","target":"mcp://x","tool":"t","transport":"stdio"},`+
			`"nonce":"rnd_00000000000000000000000000000000","response":{"content_hash":"%s"},`+
			`"signer":{"name":"bot","owner":"","pubkey":"%s"},"ts_request":"2026-06-01T00:00:01.000Z","ts_response":"2026-06-01T00:00:00.000Z","v":2}`,
			event.HashOf([]byte("{}")), event.HashOf([]byte("x")), formatKey(key.Public().(ed25519.PublicKey)))
		sig := ed25519.Sign(key, []byte(body))
		sum := sha256.Sum256(sig)
		id := "rec_" + hex.EncodeToString(sum[:16])
		c, err := canon.Canonicalize([]byte(strings.TrimSuffix(body, "}") + `,"id":"` + id + `","sig":"` + formatKey(sig) + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// Many keys, many gaps, many doubts, with long names and reasons: the finding
// stays of a size to be read.
func TestVerifyChainBounded(t *testing.T) {
	const listed, long = 100, 10_000
	bot, botKey := testSigner(t, "bot")
	var makers []func(chain.At) []byte
	for i := range 3 * listed {
		s, _ := testSigner(t, fmt.Sprint("agent", i)+strings.Repeat("x", long))
		makers = append(makers, call(t, s, "t"), eventBy(t, bot, event.Gap{Calls: 1, Reason: strings.Repeat("y", long)}), raw(`{"v":9,"x":"`+strings.Repeat("z", long)+`"}`))
	}
	home := logOf(t, makers...)
	if err := os.MkdirAll(filepath.Join(home, "audit"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * listed {
		for _, name := range []string{"other%d.jsonl", "2026-05-01.jsonl.torn-%d"} {
			if err := os.WriteFile(filepath.Join(home, "audit", fmt.Sprintf(name, i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	f, _ := verified(t, home, "--pubkey", botKey)
	if len(f.Authenticity.Signers) != listed+1 || len(f.Completeness.Gaps) != 2*listed+1 || len(f.Authenticity.Doubts) != listed || len(f.Integrity.Ignored) != listed+1 {
		t.Errorf("%d signers, %d gaps, %d doubts, %d other files", len(f.Authenticity.Signers), len(f.Completeness.Gaps), len(f.Authenticity.Doubts), len(f.Integrity.Ignored))
	}
	if f.Authenticity.Unreadable != 3*listed || f.Records != 9*listed {
		t.Errorf("%d unreadable of %d", f.Authenticity.Unreadable, f.Records)
	}
	if _, out, _ := run(t, "verify", "--chain", "--json", "--home", home, "--pubkey", botKey); len(out) > 200_000 {
		t.Errorf("%d bytes of JSON", len(out))
	}
	_, out, _ := run(t, "verify", "--chain", "--home", home)
	if n := strings.Count(out, "\n"); n > 100 || len(out) > 30_000 {
		t.Errorf("%d lines, %d bytes for a person:\n%.3000s", n, len(out), out)
	}
}

func TestBarLine(t *testing.T) {
	for _, tt := range []struct {
		bytes, total int64
		want         string
	}{
		{25e6, 100e6, "verifying: 1,234 records, 10 MB/s [#####...............] 25 %, 8s left"},
		{100e6, 100e6, "verifying: 1,234 records, 40 MB/s [####################] 100 %, 0s left"},
		{25e6, 0, "verifying: 1,234 records, 10 MB/s"},
	} {
		if got := barLine("verifying", 1234, tt.bytes, tt.total, 2500*time.Millisecond); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
