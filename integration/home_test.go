package integration

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A home is a user's home directory: what wrappers started with it leave is in
// .signet below it.
type home struct{ dir string }

func newHome(t testing.TB) home { return home{t.TempDir()} }

// quietHome is a home whose verbs, too, leave the system's log of this machine alone.
func quietHome(t testing.TB) home {
	h := newHome(t)
	h.quiet(t)
	return h
}

// quiet makes a home for signet-wrap in h, with a configuration by which nothing sends
// heads to the system's log.
func (h home) quiet(t testing.TB) {
	t.Helper()
	dir := filepath.Join(h.dir, ".signet")
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.toml"), []byte("system-log = \"off\"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A receipt is what the tests look at in a receipt or an event.
type receipt struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	ID     string `json:"id"`
	Action struct {
		Tool       string          `json:"tool"`
		Params     json.RawMessage `json:"params"`
		ParamsHash string          `json:"params_hash"`
		Target     string          `json:"target"`
		Transport  string          `json:"transport"`
		Session    string          `json:"session"`
		CallID     string          `json:"call_id"`
		TraceID    string          `json:"trace_id"`
		Parent     string          `json:"parent_receipt_id"`
	} `json:"action"`
	Signer struct {
		Pubkey string `json:"pubkey"`
		Name   string `json:"name"`
	} `json:"signer"`
	TS        string `json:"ts"`
	Sig       string `json:"sig"`
	ParamsRaw []byte `json:"params_raw"`

	raw []byte // the receipt's own bytes
}

func parseReceipt(t testing.TB, raw []byte) receipt {
	t.Helper()
	var r receipt
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("not a receipt: %v: %s", err, head(raw))
	}
	r.raw = raw
	return r
}

// travelling is the receipt as it goes into a request.
func (r receipt) travelling(t testing.TB) []byte {
	t.Helper()
	if r.ParamsRaw == nil {
		return r.raw
	}
	return without(t, r.raw, "params_raw")
}

// records are the receipts of calls in the log.
func (h home) records(t testing.TB) []receipt {
	t.Helper()
	return slices.DeleteFunc(h.log(t), func(r receipt) bool { return r.V != 1 || r.Type != "" })
}

// log reads the log and checks its chain, by hand: what the package and the
// command say of a log is compared with this.
func (h home) log(t testing.TB) []receipt {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, ".signet", "audit", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	prev := "sha256:" + strings.Repeat("0", 64)
	var all []receipt
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.SplitAfter(text, []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			var record struct {
				Receipt    json.RawMessage `json:"receipt"`
				PrevHash   string          `json:"prev_hash"`
				RecordHash string          `json:"record_hash"`
			}
			if err := json.Unmarshal(line, &record); err != nil {
				t.Fatalf("%s:%d: %v: %q", file, i+1, err, head(line))
			}
			hashed := sha256.Sum256(slices.Concat([]byte(`{"prev_hash":"`+record.PrevHash+`","receipt":`), record.Receipt, []byte("}")))
			if want := "sha256:" + hex.EncodeToString(hashed[:]); record.PrevHash != prev || record.RecordHash != want {
				t.Errorf("%s:%d: the chain is broken: prev_hash %s, want %s; record_hash %s, want %s",
					file, i+1, record.PrevHash, prev, record.RecordHash, want)
			}
			prev = record.RecordHash
			all = append(all, parseReceipt(t, record.Receipt))
		}
	}
	return all
}

// audit is the directory of the log.
func (h home) audit() string { return filepath.Join(h.dir, ".signet", "audit") }

// events are the log's own records of a kind.
func (h home) events(t testing.TB, kind string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for e, err := range testlog.Records(h.audit()) {
		if err != nil {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal(e.Receipt, &m); err != nil {
			t.Fatal(err)
		}
		if m["type"] != kind {
			continue
		}
		if _, err := sign.Verify(e.Receipt, sign.AnyKey); err != nil {
			t.Errorf("a %s event: %v", kind, err)
		}
		found = append(found, m)
	}
	return found
}

// key is the public key of the home's default identity.
func (h home) key(t testing.TB) ed25519.PublicKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, ".signet", "keys", "default.pub"))
	if err != nil {
		t.Fatal(err)
	}
	var pub struct {
		Pubkey []byte `json:"pubkey"`
	}
	if err := json.Unmarshal(text, &pub); err != nil {
		t.Fatal(err)
	}
	return pub.Pubkey
}

// exits runs a verb of bin, which may be another build, in h. It must end with this
// status; what it printed is returned.
func (h home) exits(t testing.TB, bin string, status int, args ...string) string {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Env = scrubbed(h.dir)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("%q: %v, want exit status %d: %s", args, cmd.ProcessState, status, out)
	}
	return string(out)
}

// signet runs a verb of the binary on this home and expects the exit status.
func (h home) signet(t testing.TB, status int, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = scrubbed(h.dir)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("signet-wrap %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return string(out)
}

// verify checks the receipt's signature and id with key, by hand and with
// package sign, and its hash with the arguments that were sent (nil: the call
// had none).
func (r receipt) verify(t testing.TB, key ed25519.PublicKey, arguments []byte) {
	t.Helper()
	signed := without(t, r.raw, "id", "sig", "params_raw")
	sig, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Sig, "ed25519:"))
	if err != nil || !ed25519.Verify(key, signed, sig) {
		t.Errorf("the signature does not hold: %v: %s", err, head(r.raw))
	}
	if want := "ed25519:" + base64.StdEncoding.EncodeToString(key); r.Signer.Pubkey != want {
		t.Errorf("signed with %s, want %s", r.Signer.Pubkey, want)
	}
	if sum := sha256.Sum256(sig); r.ID != "rec_"+hex.EncodeToString(sum[:16]) {
		t.Errorf("id %s is not that of the signature", r.ID)
	}
	if v, err := sign.Verify(r.raw, sign.AnyKey); err != nil {
		t.Errorf("package sign: %v: %s", err, head(r.raw))
	} else if !key.Equal(v.Signers[len(v.Signers)-1].Key) || v.ID != r.ID || v.Tool != r.Action.Tool {
		t.Errorf("package sign reads %+v in %s", v, head(r.raw))
	}
	canonical, err := canon.Canonicalize(arguments)
	switch {
	case arguments == nil:
		if string(r.Action.Params) != "null" || r.Action.ParamsHash != event.HashOf([]byte("{}")).String() {
			t.Errorf("no arguments, receipt has params %s and hash %s", r.Action.Params, r.Action.ParamsHash)
		}
	case err != nil || len(arguments) > 1<<20: // signed by their bytes
		if string(r.Action.Params) != "null" || r.Action.ParamsHash != event.HashOf(arguments).String() {
			t.Errorf("arguments %s to be signed as they are, receipt has params %s and hash %s", head(arguments), r.Action.Params, r.Action.ParamsHash)
		}
		if r.ParamsRaw != nil && !bytes.Equal(r.ParamsRaw, arguments) {
			t.Errorf("params_raw is %q, want %q", head(r.ParamsRaw), head(arguments))
		}
	case r.ParamsRaw != nil: // apart
		if string(r.Action.Params) != "null" || r.Action.ParamsHash != event.HashOf(canonical).String() || !bytes.Equal(r.ParamsRaw, arguments) {
			t.Errorf("arguments %s apart, receipt has params %s, hash %s and params_raw %s", head(arguments), r.Action.Params, r.Action.ParamsHash, head(r.ParamsRaw))
		}
	default:
		if !bytes.Equal(r.Action.Params, canonical) || r.Action.ParamsHash != event.HashOf(canonical).String() {
			t.Errorf("arguments %s, receipt has params %s and hash %s", head(arguments), head(r.Action.Params), r.Action.ParamsHash)
		}
	}
}

// without is the canonical form of a JSON object less some members.
func without(t testing.TB, object []byte, names ...string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		delete(members, name)
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	b, err = canon.Canonicalize(b)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
