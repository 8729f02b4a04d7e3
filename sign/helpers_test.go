package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

var testTime = time.Date(2026, 5, 1, 12, 0, 0, 123_999_999, time.FixedZone("", 2*60*60))

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func public(n byte) ed25519.PublicKey { return key(n).Public().(ed25519.PublicKey) }

func written(k ed25519.PublicKey) string { return "ed25519:" + base64.StdEncoding.EncodeToString(k) }

func testSigner(t testing.TB) *Signer {
	t.Helper()
	s, err := NewSigner(key(7), "agent", "alice")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func prepare(t testing.TB, a Action) *Draft {
	t.Helper()
	d, err := testSigner(t).Prepare(a)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func makeReceipt(t testing.TB, a Action) *Receipt {
	t.Helper()
	r, err := prepare(t, a).Sign(testTime)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// object is JSON in the making, for receipts that this package does not make.
type object map[string]any

func (o object) with(name string, value any) object {
	o = maps.Clone(o)
	if o[name] = value; value == nil {
		delete(o, name)
	}
	return o
}

// canonical is by another canonicalizer than the one under test.
func (o object) canonical(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return v
}

// signed returns o with id and sig, signed with k over signs(o).
func (o object) signed(t testing.TB, k ed25519.PrivateKey, prefix string, signs func(object) object) object {
	t.Helper()
	message := signs(o)
	delete(message, "id")
	delete(message, "sig")
	sig := ed25519.Sign(k, message.canonical(t))
	sum := sha256.Sum256(sig)
	return o.with("id", prefix+hex.EncodeToString(sum[:16])).with("sig", "ed25519:"+base64.StdEncoding.EncodeToString(sig))
}

func without(names ...string) func(object) object {
	return func(o object) object {
		o = maps.Clone(o)
		for _, name := range names {
			delete(o, name)
		}
		return o
	}
}

func hashOf(s string) Hash { return event.HashOf([]byte(s)) }

func testActionObject() object {
	return object{"tool": "add", "params": object{"a": 1}, "params_hash": hashOf(`{"a":1}`), "target": "mcp://x", "transport": "stdio"}
}

// version1 is an unsigned receipt of key(7).
func version1() object {
	return object{"v": 1, "action": testActionObject(), "signer": object{"pubkey": written(public(7)), "name": "agent", "owner": ""},
		"ts": "2026-05-01T10:00:00.000Z", "nonce": "rnd_00"}
}

func (o object) sign1(t testing.TB) []byte {
	return o.signed(t, key(7), "rec_", without("params_raw")).canonical(t)
}

// practised is a Verifier that has tables for the keys of these tests.
var practised = sync.OnceValue(func() *Verifier {
	v := new(Verifier)
	for n := range byte(10) {
		sig := ed25519.Sign(key(n), nil)
		for range 1000 {
			v.keys.Verify(public(n), nil, sig)
		}
	}
	return v
})

// verified is Verify, after a check that a Verifier has the same result.
func verified(t testing.TB, receipt []byte) (*Verified, error) {
	t.Helper()
	v, err := Verify(receipt, AnyKey)
	for name, verifier := range map[string]*Verifier{"new": new(Verifier), "practised": practised()} {
		if w, other := verifier.Verify(receipt, AnyKey); !reflect.DeepEqual(v, w) || !reflect.DeepEqual(err, other) {
			t.Fatalf("a %s Verifier: %+v, %v; Verify: %+v, %v: %.2000s", name, w, other, v, err, receipt)
		}
	}
	return v, err
}

func wantInvalid(t *testing.T, receipt []byte, reason string) {
	t.Helper()
	v, err := verified(t, receipt)
	var bad *InvalidError
	if !errors.As(err, &bad) || v != nil {
		t.Fatalf("Verify: %+v, %v; want an InvalidError: %.2000s", v, err, receipt)
	}
	if !strings.Contains(bad.Reason, reason) {
		t.Errorf("invalid because %q, want %q", bad.Reason, reason)
	}
}

func wantValid(t *testing.T, receipt []byte) *Verified {
	t.Helper()
	v, err := verified(t, receipt)
	if err != nil {
		t.Fatalf("Verify: %v: %.2000s", err, receipt)
	}
	return v
}
