package anchor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

func TestStamp(t *testing.T) {
	a := testwitness.NewAuthority(t)
	s := newScene(t, Settings{TSARoots: a.Roots, Config: Config{TSA: a.URL}})
	s.add(3)
	before := time.Now().Add(-time.Minute)
	r := s.anchor()
	if r.TSA == nil || r.TSA.Status != Signed || !r.Established(s.store.Policy) {
		t.Fatalf("%+v", r.TSA)
	}
	if r := s.anchor(); r.TSA != nil {
		t.Fatalf("stamped again: %+v", r.TSA)
	}
	_, c, token, err := s.store.Prove(s.store.State().Last.Hash)
	if err != nil || token == nil {
		t.Fatal(err)
	}
	at, err := CheckStamp(token, c.Log, a.Roots)
	if err != nil || at.Before(before) || at.After(time.Now().Add(time.Minute)) {
		t.Fatal(at, err)
	}
	if _, err := CheckStamp(token, append([]byte("x"), c.Log...), a.Roots); err == nil {
		t.Error("a stamp of something else")
	}
	if _, err := CheckStamp(token, c.Log, testwitness.NewAuthority(t).Roots); err == nil {
		t.Error("an authority that is not one of the roots")
	}
	// No change of a byte makes it say another time, or crashes.
	for i := range token {
		bad := bytes.Clone(token)
		bad[i] ^= 1 << (i % 8)
		if other, err := CheckStamp(bad, c.Log, a.Roots); err == nil && !other.Equal(at) {
			t.Errorf("byte %d: %v", i, other)
		} else if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("byte %d: %q", i, err)
		}
		if i%7 == 0 {
			if _, err := CheckStamp(token[:i], c.Log, a.Roots); err == nil {
				t.Errorf("cut at %d: taken", i)
			}
		}
	}
	claims, err := s.store.Claims(nil, nil)
	if err != nil || len(claims) != 2 || !claims[1].Stamped.Equal(at) {
		t.Errorf("%+v, %v", claims, err)
	}
}

// Responses of an authority that are not stamps of the request.
func TestStampRefused(t *testing.T) {
	a := testwitness.NewAuthority(t)
	s := newScene(t, Settings{TSARoots: a.Roots, Config: Config{TSA: a.URL}})
	s.add(1)
	var earlier []byte
	a.Reply = func(q []byte) []byte { earlier = a.Query(q); return earlier[:len(earlier)-1] }
	for name, reply := range map[string]func([]byte) []byte{
		"cut":       a.Reply,
		"nothing":   func([]byte) []byte { return nil },
		"garbage":   func([]byte) []byte { return bytes.Repeat([]byte{0x30, 0x80}, 1000) },
		"huge":      func([]byte) []byte { return make([]byte, 10<<20) },
		"the query": func(q []byte) []byte { return q },
		"refusal":   func([]byte) []byte { return []byte{0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02} },
		"earlier":   func([]byte) []byte { return earlier },
	} {
		a.Reply = reply
		r := s.anchor()
		if r.TSA == nil || r.TSA.Status != Later || r.Established(s.store.Policy) || r.Finding != nil {
			t.Errorf("%s: %+v", name, r.TSA)
		} else if strings.ContainsAny(r.TSA.Err.Error(), "\n\x00\x1b") || len(r.TSA.Err.Error()) > 500 {
			t.Errorf("%s: %q", name, r.TSA.Err)
		}
	}
	a.Reply = nil
	if r := s.anchor(); r.TSA.Status != Signed {
		t.Errorf("%+v", r.TSA)
	}
}
