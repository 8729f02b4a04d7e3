package check_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

var start = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

// key is a key made from a letter.
func key(letter byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
}

func public(letter byte) ed25519.PublicKey { return key(letter).Public().(ed25519.PublicKey) }

// receipt is a receipt of a call, by a key and at a time.
func receipt(t testing.TB, letter byte, at time.Time, a sign.Action) []byte {
	t.Helper()
	s, err := sign.NewSigner(key(letter), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Prepare(a)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Sign(at)
	if err != nil {
		t.Fatal(err)
	}
	return r.JSON
}

// newChecker is a Checker with a clock that stays at start, and key A trusted.
func newChecker(t testing.TB, with func(*check.Options)) *check.Checker {
	t.Helper()
	o := check.Options{Trust: check.Keys(public('A')), Replays: t.TempDir(), Now: func() time.Time { return start }}
	if with != nil {
		with(&o)
	}
	c, err := check.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// reasonOf is the reason of a refusal, "" for none.
func reasonOf(t testing.TB, err error) check.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	r, ok := errors.AsType[*check.Refusal](err)
	if !ok {
		t.Fatalf("not a Refusal: %v", err)
	}
	var data struct{ Reason check.Reason }
	if err := json.Unmarshal(r.Data(), &data); err != nil || data.Reason != r.Reason {
		t.Errorf("data %s, %v", r.Data(), err)
	}
	return r.Reason
}

func TestCheck(t *testing.T) {
	add := sign.Action{Tool: "add", Arguments: []byte(`{"a":2,"b":3}`), Target: "mcp://calculator"}
	call := func(r []byte) check.Call { return check.Call{Tool: "add", Arguments: add.Arguments, Receipt: r} }
	good := receipt(t, 'A', start, add)
	exact := sign.Action{Tool: "add", Arguments: []byte(`{"a": 9007199254740993}`), Target: "mcp://calculator"}
	hashed := add
	hashed.HashOnly = true
	none := sign.Action{Tool: "add", Target: "mcp://calculator"}
	answered := add
	answered.ResponseHash, _ = sign.ValueHash([]byte(`{"ok":true}`))
	target := func(o *check.Options) { o.Target = "mcp://calculator" }
	for _, test := range []struct {
		name string
		with func(*check.Options)
		call check.Call
		want check.Reason
	}{
		{"good", target, call(good), ""},
		{"another spelling of the arguments", nil, check.Call{Tool: "add", Arguments: []byte(` { "b" : 3.0, "a" : 2 } `), Receipt: good}, ""},
		{"by their bytes", nil, check.Call{Tool: "add", Arguments: exact.Arguments, Receipt: receipt(t, 'A', start, exact)}, ""},
		{"by their bytes, a digit changed", nil, check.Call{Tool: "add", Arguments: []byte(`{"a": 9007199254740992}`), Receipt: receipt(t, 'A', start, exact)}, check.WrongArguments},
		{"by their bytes, a space gone", nil, check.Call{Tool: "add", Arguments: []byte(`{"a":9007199254740993}`), Receipt: receipt(t, 'A', start, exact)}, check.WrongArguments},
		{"hash only", nil, call(receipt(t, 'A', start, hashed)), ""},
		{"hash only, of other arguments", nil, check.Call{Tool: "add", Arguments: []byte(`{"a":2,"b":4}`), Receipt: receipt(t, 'A', start, hashed)}, check.WrongArguments},
		{"no arguments", nil, check.Call{Tool: "add", Receipt: receipt(t, 'A', start, none)}, ""},
		{"no arguments any more", nil, check.Call{Tool: "add", Receipt: good}, check.WrongArguments},
		{"input", nil, check.Call{Tool: "add", Arguments: add.Arguments, InputResponses: []byte(`{"ok": true}`), Receipt: receipt(t, 'A', start, answered)}, ""},
		{"other input", nil, check.Call{Tool: "add", Arguments: add.Arguments, InputResponses: []byte(`{"ok":false}`), Receipt: receipt(t, 'A', start, answered)}, check.WrongArguments},
		{"input taken away", nil, call(receipt(t, 'A', start, answered)), check.WrongArguments},
		{"input added", nil, check.Call{Tool: "add", Arguments: add.Arguments, InputResponses: []byte(`{"ok":true}`), Receipt: good}, check.WrongArguments},

		{"none", nil, call(nil), ""},
		{"none, allowed", func(o *check.Options) { o.Missing = check.MissingAllow }, call(nil), ""},
		{"none, refused", func(o *check.Options) { o.Missing = check.MissingRefuse }, call(nil), check.NoReceipt},
		{"two", nil, check.Call{Tool: "add", Arguments: add.Arguments, Receipt: good, Ambiguous: true}, check.Ambiguous},
		{"null", nil, call([]byte("null")), check.Malformed},
		{"an empty object", nil, call([]byte("{}")), check.Malformed},
		{"cut", nil, call(good[:len(good)-1]), check.Malformed},
		{"a member twice", nil, call(append([]byte(`{"v":1,`), good[1:]...)), check.Invalid},
		{"altered", nil, call(bytes.Replace(good, []byte(`"b":3`), []byte(`"b":4`), 1)), check.Invalid},
		{"its time altered", nil, call(bytes.Replace(good, []byte("10:00:00"), []byte("10:00:01"), 1)), check.Invalid},
		{"its nonce altered", nil, call(bytes.Replace(good, []byte(`"rnd_`), []byte(`"rnd_0`), 1)), check.Invalid},
		{"its id altered", nil, call(bytes.Replace(good, []byte(`"rec_`), []byte(`"rec_0`), 1)), check.Invalid},
		{"with a member more", nil, call(append([]byte(`{"x":1,`), good[1:]...)), check.Invalid},
		{"a response", nil, call(response(t, 'A')), check.Malformed},
		{"by a foreign key", nil, call(receipt(t, 'B', start, add)), check.UnknownKey},
		{"old", nil, call(receipt(t, 'A', start.Add(-5*time.Minute), add)), ""},
		{"too old", nil, call(receipt(t, 'A', start.Add(-5*time.Minute-time.Millisecond), add)), check.Stale},
		{"too old by another measure", func(o *check.Options) { o.MaxAge = time.Second }, call(receipt(t, 'A', start.Add(-2*time.Second), add)), check.Stale},
		{"ahead", nil, call(receipt(t, 'A', start.Add(30*time.Second), add)), ""},
		{"too far ahead", nil, call(receipt(t, 'A', start.Add(30*time.Second+time.Millisecond), add)), check.Future},
		{"of another target", target, call(receipt(t, 'A', start, sign.Action{Tool: "add", Arguments: add.Arguments, Target: "mcp://bank"})), check.WrongTarget},
		{"of another tool", nil, check.Call{Tool: "pay", Arguments: add.Arguments, Receipt: good}, check.WrongTool},
		{"of other arguments", nil, check.Call{Tool: "add", Arguments: []byte(`{"a":2,"b":4}`), Receipt: good}, check.WrongArguments},
		{"trust that cannot be read", func(o *check.Options) { o.Trust = check.TrustFile(filepath.Join(o.Replays, "none")) }, call(good), check.NotChecked},
		{"replays that cannot be kept", func(o *check.Options) { o.Replays = os.Args[0] }, call(good), check.NotChecked},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChecker(t, test.with)
			passed, err := c.Check(test.call)
			if got := reasonOf(t, err); got != test.want {
				t.Fatalf("refused for %q (%v), want %q", got, err, test.want)
			}
			if err == nil && (len(passed) != 1 || (passed[0].Receipt != nil) != (test.call.Receipt != nil)) {
				t.Errorf("passed by %+v", passed)
			}
			if err == nil && test.call.Receipt != nil {
				if _, err := c.Check(test.call); reasonOf(t, err) != check.Replayed {
					t.Errorf("a second time: %v, want %q", err, check.Replayed)
				}
			}
		})
	}
}

// TestSameNonce: a nonce is used by a key: with that of another key a receipt is no copy.
func TestSameNonce(t *testing.T) {
	c := newChecker(t, func(o *check.Options) { o.Trust = check.Keys(public('A'), public('B')) })
	same := []byte(`"nonce":"rnd_00000000000000000000000000000000"`)
	for _, letter := range "AB" {
		s, err := sign.NewSigner(nonceKey{key(byte(letter)), same}, "agent", "")
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Prepare(sign.Action{Tool: "add"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Sign(start)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []check.Reason{"", check.Replayed} {
			if _, err := c.Check(check.Call{Tool: "add", Receipt: nonce.ReplaceAll(r.JSON, same)}); reasonOf(t, err) != want {
				t.Errorf("by %c: %v, want %q", letter, err, want)
			}
		}
	}
}

var nonce = regexp.MustCompile(`"nonce":"[^"]*"`)

// nonceKey is a key that signs receipts with another nonce.
type nonceKey struct {
	ed25519.PrivateKey
	nonce []byte
}

func (k nonceKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(r, nonce.ReplaceAll(message, k.nonce), o)
}

// response is a receipt of version 2.
func response(t testing.TB, letter byte) []byte {
	s, err := sign.NewSigner(key(letter), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := sign.ValueHash([]byte("{}"))
	r, err := s.Respond(sign.Response{Action: sign.Action{Tool: "add"}, ParamsHash: h, ContentHash: h, Requested: start, Responded: start})
	if err != nil {
		t.Fatal(err)
	}
	return r.JSON
}

// TestEveryByte: whatever byte of a receipt is changed, the call does not pass,
// unless only the spelling changed.
func TestEveryByte(t *testing.T) {
	add := sign.Action{Tool: "add", Arguments: []byte(`{"a":2}`)}
	good := receipt(t, 'A', start, add)
	c := newChecker(t, nil)
	for i := range good {
		for _, b := range []byte{good[i] ^ 1, good[i] ^ 0x20, '"', '0'} {
			bad := bytes.Clone(good)
			if bad[i] = b; bytes.Equal(bad, good) {
				continue
			}
			if _, err := c.Check(check.Call{Tool: "add", Arguments: add.Arguments, Receipt: bad}); err == nil {
				t.Fatalf("byte %d as %q passed", i, b)
			}
		}
		if _, err := c.Check(check.Call{Tool: "add", Arguments: add.Arguments, Receipt: good[:i]}); err == nil {
			t.Fatalf("%d bytes of the receipt passed", i)
		}
	}
	if _, err := c.Check(check.Call{Tool: "add", Arguments: add.Arguments, Receipt: good}); err != nil {
		t.Errorf("what was refused has used up the receipt: %v", err)
	}
}

// TestBatch: all calls of a batch pass, or none, and then no receipt is used up.
func TestBatch(t *testing.T) {
	call := func(tool string) check.Call {
		return check.Call{Tool: tool, Receipt: receipt(t, 'A', start, sign.Action{Tool: tool})}
	}
	one, two := call("one"), call("two")
	c := newChecker(t, nil)
	for _, bad := range [][]check.Call{
		{one, two, one},
		{one, two, {Tool: "three", Receipt: two.Receipt}},
		{one, two, {Tool: "three", Receipt: []byte("{}")}},
	} {
		_, err := c.Check(bad...)
		if r, ok := errors.AsType[*check.Refusal](err); !ok || r.Index != 2 {
			t.Fatalf("%v, want a refusal of the third", err)
		}
	}
	passed, err := c.Check(one, check.Call{Tool: "none"}, two)
	if err != nil || len(passed) != 3 || passed[0].Receipt == nil || passed[1].Receipt != nil || passed[2].Receipt == nil {
		t.Fatalf("%+v, %v", passed, err)
	}
	if _, err := c.Check(two); reasonOf(t, err) != check.Replayed {
		t.Errorf("%v", err)
	}
}

// TestTrustFile: keys count from valid-after to valid-before, a change of the file
// counts at once, and a file that cannot be read lets nothing pass.
func TestTrustFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trust")
	write := func(lines ...keys.TrustLine) {
		var b strings.Builder
		for _, l := range lines {
			fmt.Fprintln(&b, keys.FormatTrust(l))
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust := check.TrustFile(path)
	try := func(at, now time.Time) error {
		_, err := trust(public('A'), at, now)
		return err
	}
	if err := try(start, start); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	write(keys.TrustLine{Principals: []string{"alice"}, Key: public('A')})
	if who, err := trust(public('A'), start, start); err != nil || who != "alice" {
		t.Errorf("%q, %v", who, err)
	}
	if _, err := trust(public('B'), start, start); !errors.Is(err, check.ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
	write(keys.TrustLine{Principals: []string{"alice"}, Key: public('A'), After: start, Before: start.Add(time.Minute)})
	for _, c := range []struct {
		at, now time.Duration
		want    error
	}{
		{-time.Second, 0, check.ErrKeyNotValid},
		{0, time.Second, nil},
		{time.Minute, time.Minute, nil},
		{time.Minute + time.Second, time.Minute + time.Second, check.ErrKeyNotValid},
		{time.Second, time.Minute + time.Second, check.ErrKeyNotValid}, // backdated by whoever stole it
	} {
		if err := try(start.Add(c.at), start.Add(c.now)); !errors.Is(err, c.want) {
			t.Errorf("signed after %v, seen after %v: %v, want %v", c.at, c.now, err, c.want)
		}
	}
	if err := os.WriteFile(path, []byte("alice ssh-ed25519\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(start, start); err == nil || errors.Is(err, check.ErrUnknownKey) {
		t.Errorf("a bad line: %v", err)
	}
}

func TestAnyOf(t *testing.T) {
	broken := check.Trust(func(ed25519.PublicKey, time.Time, time.Time) (string, error) { return "", os.ErrPermission })
	closed := check.Trust(func(ed25519.PublicKey, time.Time, time.Time) (string, error) { return "bob", check.ErrKeyNotValid })
	for _, c := range []struct {
		of   []check.Trust
		want error
	}{
		{[]check.Trust{broken, check.Keys(public('A'))}, nil},
		{[]check.Trust{check.Keys(public('B')), closed}, check.ErrKeyNotValid},
		{[]check.Trust{broken, closed}, os.ErrPermission},
		{[]check.Trust{closed, broken}, os.ErrPermission},
		{nil, check.ErrUnknownKey},
	} {
		if _, err := check.AnyOf(c.of...)(public('A'), start, start); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	add := sign.Action{Tool: "add", Arguments: []byte(`{"a":2,"b":3}`)}
	c := newChecker(b, nil)
	calls := make([]check.Call, b.N)
	for i := range calls {
		calls[i] = check.Call{Tool: "add", Arguments: add.Arguments, Receipt: receipt(b, 'A', start, add)}
	}
	b.ResetTimer()
	for _, call := range calls {
		if _, err := c.Check(call); err != nil {
			b.Fatal(err)
		}
	}
}
