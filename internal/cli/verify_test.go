package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// run is the program in this process, with an empty home directory.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	home := t.TempDir()
	status = Main(append([]string{"signet-wrap"}, args...), logless(System{
		Stdin: stdin, Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return map[string]string{"SIGNET_HOME": home}[name] },
	}))
	return status, out.String(), errs.String()
}

// logless is s on a machine without a system log: what tests find does not depend
// on that of the machine they run on.
func logless(s System) System {
	s.SystemConfig = os.Getenv(systemConfig)
	s.OpenLog = func() systemlog.Sender { return nil }
	s.ReadLog = func(context.Context, []uint32, func(systemlog.Entry) bool) (systemlog.Reach, error) {
		return systemlog.Reach{}, systemlog.ErrAbsent
	}
	return s
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "receipt.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdict verifies receipt by the keys and gives the finding and the status.
func verdict(t *testing.T, receipt []byte, keys ...string) (verify.Receipt, int) {
	t.Helper()
	args := []string{"verify", file(t, receipt), "--json"}
	for _, k := range keys {
		args = append(args, "--pubkey", "ed25519:"+strings.TrimPrefix(k, "ed25519:"))
	}
	status, out, errs := run(t, args...)
	var f verify.Receipt
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v: %s %s", err, out, errs)
	}
	return f, status
}

// Every receipt of the reference: tampered ones are found out whatever keys are
// known; the others are valid by their keys and never without them.
func TestVerifyVectors(t *testing.T) {
	var vectors []struct {
		Name    string
		Receipt json.RawMessage
		Key     string `json:"public_key"`
		Agent   string `json:"agent_public_key"`
		Valid   bool
	}
	readJSON(t, "../../sign/testdata/receipts.json", &vectors)
	valid := 0
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			keys := []string{v.Key}
			if v.Agent != "" {
				keys = append(keys, v.Agent)
			}
			f, status := verdict(t, v.Receipt, keys...)
			switch {
			case !v.Valid:
				if f.Verdict != "tampered" || status != 1 {
					t.Errorf("verdict %q, status %d, want tampered", f.Verdict, status)
				}
			case v.Agent != "": // dated by hand: the response before the request
				if f.Verdict != "unconfirmed" || status != 3 || len(f.Reasons) != 1 || !strings.Contains(f.Reasons[0], "before the request") {
					t.Errorf("%+v, status %d, want unconfirmed for its dates", f, status)
				}
			case f.Verdict != "valid" || status != 0 || len(f.Reasons) != 0:
				t.Errorf("%+v, status %d, want valid", f, status)
			}
			if !v.Valid {
				return
			}
			valid++
			if f, status := verdict(t, v.Receipt); f.Verdict != "unconfirmed" || status != 3 {
				t.Errorf("no key known: %+v, status %d, want unconfirmed", f, status)
			}
		})
	}
	if valid == 0 {
		t.Error("no valid vector was seen")
	}
}

// All who signed must be known: but the root of a delegation vouches for the
// agent, and the agent for no root.
func TestVerifyWhoMustBeKnown(t *testing.T) {
	var vectors map[string]struct {
		Receipt json.RawMessage
		Agent   string `json:"agent_public_key"`
		Server  string `json:"server_public_key"`
		Agent4  string `json:"delegate_public_key"`
		Root    string `json:"owner_public_key"`
	}
	readJSON(t, "../../sign/testdata/ts-signed.json", &vectors)
	v3, v4 := vectors["v3"], vectors["v4"]
	for _, c := range []struct {
		what    string
		receipt []byte
		keys    []string
		status  int
		reasons int
	}{
		{"v3, both", v3.Receipt, []string{v3.Agent, v3.Server}, 0, 0},
		{"v3, agent only", v3.Receipt, []string{v3.Agent}, 3, 1},
		{"v3, server only", v3.Receipt, []string{v3.Server}, 3, 1},
		{"v3, another", v3.Receipt, []string{v4.Root}, 3, 2},
		{"v4, both", v4.Receipt, []string{v4.Agent4, v4.Root}, 0, 0},
		{"v4, root only", v4.Receipt, []string{v4.Root}, 0, 0},
		{"v4, agent only", v4.Receipt, []string{v4.Agent4}, 3, 1},
		{"v4, another", v4.Receipt, []string{v3.Agent}, 3, 2},
	} {
		if f, status := verdict(t, c.receipt, c.keys...); status != c.status || len(f.Reasons) != c.reasons {
			t.Errorf("%s: %+v, status %d, want %d for %d reasons", c.what, f, status, c.status, c.reasons)
		}
	}
}

// signed is a version 1 receipt with the member extra, signed by a fixed key.
func signed(t *testing.T, tool, extra string) (receipt []byte, key string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	key = formatKey(private.Public().(ed25519.PublicKey))
	quoted, err := json.Marshal(tool)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"v":1,"action":{"tool":` + string(quoted) + `,"params":{},"params_hash":"` + event.HashOf([]byte("{}")).String() + `","target":"","transport":"stdio"},` +
		`"signer":{"pubkey":"` + key + `","name":"seven","owner":""},"ts":"2026-05-01T00:00:00.000Z","nonce":"rnd_00000000000000000000000000000000"` + extra
	message, err := canon.Canonicalize([]byte(body + "}"))
	if err != nil {
		t.Fatal(err)
	}
	sig := ed25519.Sign(private, message)
	id := sha256.Sum256(sig)
	return []byte(body + `,"sig":"ed25519:` + base64.StdEncoding.EncodeToString(sig) + `","id":"rec_` + hex.EncodeToString(id[:16]) + `"}`), key
}

func TestVerifyExpired(t *testing.T) {
	receipt, key := signed(t, "t", `,"exp":"2026-05-01T00:00:01.000Z"`)
	f, status := verdict(t, receipt, key)
	if status != 3 || !f.Expired || len(f.Reasons) != 1 || !strings.Contains(f.Reasons[0], "expired") {
		t.Errorf("expired: %+v, status %d", f, status)
	}
	if _, out, _ := run(t, "verify", file(t, receipt), "--pubkey", key); !strings.Contains(out, "it expired at 2026-05-01T00:00:01.000Z") {
		t.Errorf("printed\n%s", out)
	}
	receipt, key = signed(t, "t", `,"exp":"9998-01-01T00:00:00.000Z"`)
	if f, status := verdict(t, receipt, key); status != 0 || f.Expired || f.Expires == "" {
		t.Errorf("not expired: %+v, status %d", f, status)
	}
}

// What a receipt says cannot steer the terminal it is printed on.
func TestVerifyPrintsClean(t *testing.T) {
	receipt, key := signed(t, "\x1b[2K\rvalid\u202e\n", "")
	status, out, _ := run(t, "verify", file(t, receipt), "--pubkey", key)
	if status != 0 || strings.ContainsAny(out, "\x1b\r\u202e") || !strings.Contains(out, `\u001b[2K\u000dvalid\u202e\u000a`) {
		t.Errorf("status %d, printed %q", status, out)
	}
	// An error is one line, whatever is in it.
	_, _, errs := run(t, "verify", "no\nvalid: such file")
	if strings.Count(errs, "\n") != 1 || !strings.Contains(errs, `no\u000avalid`) {
		t.Errorf("printed %q", errs)
	}
}

// Every byte of a receipt is under its signature, or its change is no change.
func TestVerifyMangled(t *testing.T) {
	receipt, key := signed(t, "tool", "")
	if _, status := verdict(t, receipt, key); status != 0 {
		t.Fatalf("status %d unchanged", status)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	for i := 0; i < len(receipt); i += every(20) {
		b := bytes.Clone(receipt)
		b[i] ^= 0x02
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := run(t, "verify", path, "--pubkey", key)
		if status != 1 && status != 2 || strings.Contains(out, "valid:") || strings.Contains(errs, "goroutine") {
			t.Errorf("byte %d, %q, changed: status %d\n%s%s", i, receipt[i], status, out, errs)
		}
	}
}

func TestReadFileIsBounded(t *testing.T) {
	c := new(command)
	path := file(t, []byte("four"))
	if b, err := c.readFile(path, 4); err != nil || string(b) != "four" {
		t.Errorf("four bytes of four: %q, %v", b, err)
	}
	if b, err := c.readFile(path, 3); err == nil || !strings.Contains(err.Error(), "longer than 3 bytes") {
		t.Errorf("four bytes of three: %q, %v", b, err)
	}
}
