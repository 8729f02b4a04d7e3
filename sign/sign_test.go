package sign

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

var testTime = time.Date(2026, 5, 1, 10, 0, 0, 123_456_789, time.UTC)

func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func testSigner(t testing.TB) *Signer {
	t.Helper()
	s, err := NewSigner(testKey(), "agent", "alice")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func makeReceipt(t testing.TB, a Action) *Receipt {
	t.Helper()
	d, err := testSigner(t).Prepare(a)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Sign(testTime)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSignThenVerify(t *testing.T) {
	r := makeReceipt(t, Action{Tool: "add", Arguments: []byte(`{"b":1, "a":2.50}`), Target: "mcp://x"})
	if !canon.IsCanonical(r.JSON) {
		t.Errorf("not canonical: %s", r.JSON)
	}
	v, err := Verify(r.JSON)
	if err != nil {
		t.Fatalf("%v: %s", err, r.JSON)
	}
	if v.ID != r.ID || v.Tool != "add" || string(v.Params) != `{"a":2.5,"b":1}` {
		t.Errorf("got %+v", v)
	}
}
