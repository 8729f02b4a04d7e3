package sign

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestRespond makes a receipt for a response and reads it back: canonical, verified
// and bound to the call, with the parameters left to the call's receipt.
func TestRespond(t *testing.T) {
	s, err := NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "o")
	if err != nil {
		t.Fatal(err)
	}
	action := Action{Tool: "rm", Arguments: []byte(`{"path":"/x"}`), Target: "mcp://fs", Session: "ses_1", CallID: "n:7", TraceID: "t"}
	d, err := s.Prepare(action)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 10, 0, 0, 123e6, time.UTC)
	call, err := d.Sign(now)
	if err != nil {
		t.Fatal(err)
	}
	answer := Response{
		Action: action, ParamsHash: d.ParamsHash(), RequestID: call.ID,
		Requested: now, Responded: now.Add(1500 * time.Millisecond),
		ContentHash: event.HashOf([]byte(`{"content":[]}`)),
		Outcome:     Outcome{Status: "failed", Reason: "isError", Error: "no <such> file\n"},
	}
	for _, o := range []Outcome{answer.Outcome, {Status: "executed"}, {}} {
		answer.Outcome = o
		r, err := s.Respond(answer)
		if err != nil {
			t.Fatal(err)
		}
		if !canon.IsCanonical(r.JSON) {
			t.Errorf("not canonical: %s", r.JSON)
		}
		v, err := Verify(r.JSON, AnyKey)
		if err != nil {
			t.Fatalf("%v: %s", err, r.JSON)
		}
		asked, err := Verify(call.JSON, AnyKey)
		if err != nil {
			t.Fatal(err)
		}
		if v.Version != 2 || v.ParentID != call.ID || v.Params != nil || v.ParamsHash != asked.ParamsHash ||
			v.Tool != "rm" || v.CallID != "n:7" || v.Session != "ses_1" || v.TraceID != "t" || v.Outcome != o ||
			!v.Time.Equal(asked.Time) || v.Responded.Sub(v.Time) != 1500*time.Millisecond || v.ResponseHash != answer.ContentHash {
			t.Errorf("read back as %+v", v)
		}
		if _, err := Verify([]byte(strings.Replace(string(r.JSON), answer.ContentHash.String(), event.HashOf(nil).String(), 1)), AnyKey); err == nil {
			t.Error("another content_hash verifies")
		}
	}

	answer.Responded = now.Add(-time.Second)
	r, err := s.Respond(answer)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(r.JSON, AnyKey); err != nil || !v.Responded.Equal(v.Time) {
		t.Errorf("an answer before its call: %v, %v", v, err)
	}
	answer.ContentHash = Hash{}
	if _, err := s.Respond(answer); err == nil {
		t.Error("a content hash that is none is signed")
	}
}
