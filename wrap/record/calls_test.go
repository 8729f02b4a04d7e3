package record_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestOutcome: outcomes of a program without messages are receipts of version 2,
// and a second one for a call is not lost.
func TestOutcome(t *testing.T) {
	dir := t.TempDir()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := record.New(record.Options{
		Audit: dir, Target: "mcp://x", NoHeads: true,
		Signer: func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") },
	})
	_, err = r.Calls([]record.Call{
		{ID: []byte(`1`), Tool: "good"}, {ID: []byte(`"two"`), Tool: "bad"}, {ID: []byte(`3`), Tool: "open"},
	})
	if err != nil {
		t.Fatal(err)
	}
	result := []byte(`{"a": 1}`)
	r.Outcome([]byte(`1`), result, false)
	copy(result, "spoiled!") // it is the caller's again
	r.Outcome([]byte(`"two"`), []byte(`"no"`), true)
	r.Outcome([]byte(`9`), []byte(`1`), false) // nobody asked
	r.Outcome(nil, []byte(`1`), false)
	r.Outcome([]byte(`1`), []byte(`2`), false)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"good executed " + event.HashOf([]byte(`{"a":1}`)).String(): true,
		"bad failed " + event.HashOf([]byte(`"no"`)).String():       true,
		"unanswered": true, "extra_response": true,
	}
	records, err := chain.TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range records.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.Verify(e.Receipt, sign.Keys(public))
		if err != nil {
			t.Fatal(err)
		}
		got := v.Type
		if v.Version == 2 {
			got = fmt.Sprint(v.Tool, " ", v.Outcome.Status, " ", v.ResponseHash)
		} else if got == "" || got == "session" {
			continue
		}
		if !want[got] {
			t.Errorf("the log has %q", got)
		}
		delete(want, got)
	}
	for w := range want {
		t.Errorf("the log lacks %q", w)
	}
}

// TestOptionsMissing: what New needs and did not get is said, and is no panic.
func TestOptionsMissing(t *testing.T) {
	signer := func() (*sign.Signer, error) {
		return sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "agent", "")
	}
	for want, o := range map[string]record.Options{"Signer": {Audit: t.TempDir()}, "Audit": {Signer: signer}} {
		r := record.New(o)
		if _, err := r.Calls([]record.Call{{Tool: "add"}}); err == nil || !strings.Contains(err.Error(), want+" is not set") {
			t.Errorf("without %s: error %v", want, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
