package sign

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

func TestLogCheck(t *testing.T) {
	s, err := NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	here, there := event.HashOf([]byte("here")), event.HashOf([]byte("there"))
	r, err := s.Event(event.Other{Kind: "x"}, time.Now(), here)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		receipt       []byte
		prev          Hash
		knows         bool
		signed, known bool
	}{
		"known":      {r.JSON, here, true, true, true},
		"unknown":    {r.JSON, here, false, true, false},
		"displaced":  {r.JSON, there, true, false, false},
		"false":      {bytes.Replace(r.JSON, []byte(`"x"`), []byte(`"y"`), 1), here, true, false, false},
		"unsigned":   {[]byte(`{"ts":"2026-01-01T00:00:00.000Z","type":"x","v":1}`), here, true, false, false},
		"no receipt": {[]byte(`{}`), here, true, false, false},
	} {
		signed, known := LogCheck(func(key ed25519.PublicKey) bool { return c.knows && key.Equal(s.PublicKey()) })(c.receipt, c.prev)
		if signed != c.signed || known != c.known {
			t.Errorf("%s: signed %v, known %v", name, signed, known)
		}
	}
}
