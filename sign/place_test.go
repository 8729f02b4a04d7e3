package sign

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestFollows: calls of a wrapper and events are bound to the record that they
// follow; what others write, and what is signed by hand, is bound to none.
func TestFollows(t *testing.T) {
	s, err := NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	here, there := event.HashOf([]byte("here")), event.HashOf([]byte("there"))
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	call := func(session string, prev *Hash) *Receipt {
		d, err := s.Prepare(Action{Tool: "t", Session: session})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.sign(now, prev)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	eventAt := func(prev Hash) *Receipt {
		r, err := s.Event(event.Other{Kind: "x"}, now, prev)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	session := "ses_" + strings.Repeat("0f", 16)
	for _, c := range []struct {
		name        string
		receipt     *Receipt
		here, there bool
	}{
		{"a wrapper's call", call(session, &here), true, false},
		{"a wrapper's call with a random nonce", call(session, nil), false, false},
		{"a call of no wrapper", call("", nil), true, true},
		{"a call of another session form", call("sess_1", nil), true, true},
		{"an event", eventAt(here), true, false},
	} {
		v, err := Verify(c.receipt.JSON, AnyKey)
		if err != nil {
			t.Fatal(err)
		}
		if v.Follows(here) != c.here || v.Follows(there) != c.there {
			t.Errorf("%s: follows here %v, there %v; want %v, %v", c.name, v.Follows(here), v.Follows(there), c.here, c.there)
		}
	}
	if a, b := call(session, &here), call("ses_"+strings.Repeat("0e", 16), &here); a.ID == b.ID {
		t.Error("two calls have one id")
	}
}
