package chain

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestAppendRefuses: what is no receipt in canonical form is an error of the
// append that brings it, and does not touch the log.
func TestAppendRefuses(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{Now: (&clock{day0}).now})
	defer l.Close()
	add := func(receipt string) error {
		_, err := l.Append(2, func(i int, _ At) ([]byte, error) {
			if i == 0 {
				return []byte(`{"good":1}`), nil
			}
			return []byte(receipt), nil
		})
		return err
	}
	for _, bad := range []string{
		"", " ", "{", "}", "{}x", "not json", "{not json}", `{"hello":1`, `{ "hello":1}`, `{"hello":1} `, "{\"hello\":1}\n", `{"hello": 1}`,
		"[1]", "1", `"x"`, "null", `{"b":1,"a":2}`, `{"a":1,"a":1}`, `{"a":1.0}`, `{"a":1e400}`, `{"a":"\u0061"}`, "{\"a\":\"\xff\"}",
		`{"good":1}{"good":1}`, `{"good":1},"prev_hash":"x"}`,
	} {
		if err := add(bad); !errors.Is(err, errNotReceipt) {
			t.Errorf("Append of %q: error %v, want %v", bad, err, errNotReceipt)
		}
	}
	if err := add(`{"a":1,"b":[]}`); err != nil {
		t.Fatal(err)
	}
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Verify(context.Background(), s, VerifyOptions[struct{}]{})
	if err != nil || r.Damaged != 0 || r.Torn != nil || r.Records != 2 {
		t.Errorf("the log after that: %+v, %v; want 2 records and no damage", r, err)
	}
}

// TestAppendRefusesEvent: Options.Event is held to the same form.
func TestAppendRefusesEvent(t *testing.T) {
	c := &clock{day0}
	l := New(t.TempDir(), Options{Now: c.now, Event: func(event.Event, At) ([]byte, error) { return []byte(`{ "type":"x"}`), nil }})
	defer l.Close()
	if _, err := l.Append(1, build); err != nil {
		t.Fatal(err)
	}
	c.Time = day0.AddDate(0, 0, -2) // which makes an event
	if _, err := l.Append(1, build); !errors.Is(err, errNotReceipt) || !strings.Contains(err.Error(), "clock_step") {
		t.Errorf("error %v, want %v for clock_step", err, errNotReceipt)
	}
}
