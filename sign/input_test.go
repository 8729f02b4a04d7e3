package sign

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestResponseHash: what a call brings is in its receipt by its hash.
func TestResponseHash(t *testing.T) {
	signer, err := NewSigner(key(7), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	large := `"` + strings.Repeat("x", maxParams) + `" `
	for _, c := range []struct{ value, hashed string }{
		{`{ "b":1.0, "a":"\u0061" }`, `{"a":"a","b":1}`}, {`null`, `null`}, {`9007199254740993`, `9007199254740993`}, {large, large},
	} {
		hash, err := ValueHash([]byte(c.value))
		if err != nil || hash != event.HashOf([]byte(c.hashed)) {
			t.Fatalf("%.40s: %s, %v", c.value, hash, err)
		}
		draft, err := signer.Prepare(Action{Tool: "pay", Target: "mcp://x", ResponseHash: hash, ParentID: "rec_1", Session: "ses_1"})
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := draft.Sign(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		v, err := Verify(receipt.JSON, AnyKey)
		if err != nil || v.InputHash != hash || !canon.IsCanonical(receipt.JSON) {
			t.Errorf("%v: %s", err, receipt.JSON)
		}
	}
	if _, err := ValueHash([]byte(`{`)); err == nil {
		t.Error("what is no JSON has a hash")
	}
}
