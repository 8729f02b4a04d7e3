package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A record is what FORMAT.md says, computed here the long way round.
func TestRecordHash(t *testing.T) {
	line, hash := appendRecord(nil, receipt("a", day0), Hash{1})
	var r map[string]json.RawMessage
	if err := json.Unmarshal(line, &r); err != nil || line[len(line)-1] != '\n' || len(r) != 3 {
		t.Fatal(r, err)
	}
	hashed, err := json.Marshal(map[string]json.RawMessage{"receipt": r["receipt"], "prev_hash": r["prev_hash"]})
	if err != nil {
		t.Fatal(err)
	}
	c, err := canon.Canonicalize(hashed)
	if err != nil {
		t.Fatal(err)
	}
	want := `"` + event.HashOf(c).String() + `"`
	if got := string(r["record_hash"]); got != want || `"`+hash.String()+`"` != want {
		t.Errorf("record_hash %s and %v, want %s", got, hash, want)
	}
	if got := string(r["prev_hash"]); got != `"sha256:01`+strings.Repeat("0", 62)+`"` {
		t.Errorf("prev_hash %s", got)
	}
}

// FuzzRecord: a line is either refused, or it is a JSON object whose members are
// what the parser says; and what the parser says, written again, is read as the
// same again, by its quick way.
func FuzzRecord(f *testing.F) {
	line, _ := appendRecord(nil, receipt("a", day0), genesis)
	line = line[:len(line)-1]
	f.Add(line)
	f.Add(append([]byte(" "), line...))
	f.Add(bytes.Replace(line, []byte(`"v":1`), []byte(`"\u0076" : 1.0`), 1))
	f.Add(bytes.Replace(line, []byte(`,"prev_hash"`), []byte(`,"meta":{},"prev_hash"`), 1))
	f.Add(append(line[:40:40], line...))
	f.Add(line[:40])
	f.Add([]byte(`{"receipt":1,"receipt":2}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line)
		if err != nil {
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("taken, and not JSON: %v", err)
		}
		var prev, hash string
		if json.Unmarshal(m["prev_hash"], &prev) != nil || json.Unmarshal(m["record_hash"], &hash) != nil ||
			prev != r.prev.String() || hash != r.hash.String() || r.extra != (len(m) > 3) {
			t.Fatalf("%s: read as %+v", line, r)
		}
		c, cerr := canon.Canonicalize(bytes.TrimSpace(m["receipt"]))
		if r.refused != nil {
			var inexact *canon.InexactError
			if !errors.As(r.refused, &inexact) {
				t.Fatalf("%s: a receipt that is not JSON: %v", line, r.refused)
			}
			return
		}
		if cerr != nil || !bytes.Equal(c, r.receipt) {
			t.Fatalf("%s: receipt %s, %v", line, r.receipt, cerr)
		}
		sum := r.sum()
		made, madeSum := appendRecord(nil, c, r.prev)
		again, ok := frame(made[:len(made)-1])
		if !ok || madeSum != sum || again.hash != sum || again.prev != r.prev || !bytes.Equal(again.receipt, c) {
			t.Fatalf("%s: written as %s, read as %+v", line, made, again)
		}
	})
}
