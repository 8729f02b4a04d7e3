package history

import (
	"slices"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// TestTaker: what somebody else reads and verifies makes the rows that List makes, with
// all that there is to them, whatever is in the log.
func TestTaker(t *testing.T) {
	describe := func(rows *[]string) func(r *Row) error {
		return func(r *Row) error {
			line, err := r.View().AppendJSON(nil)
			*rows = append(*rows, string(line)+" "+describe(r))
			return err
		}
	}
	logs, _ := randomLogs(0)
	for seed := range logs {
		_, dir := newRandomLog(t, seed, true, 500)
		log, err := chain.TakeSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		o := Options{Contexts: true}
		listed, err := List(t.Context(), log, o, describe(&want))
		if err != nil {
			t.Fatal(err)
		}
		taker, err := NewTaker(t.Context(), log, o, describe(&got))
		if err != nil {
			t.Fatal(err)
		}
		check := func(receipt []byte, _ chain.Hash) chain.Checked[error] {
			_, err := sign.Verify(receipt, sign.AnyKey)
			return chain.Checked[error]{Result: err, Believed: err == nil}
		}
		if _, err := chain.Verify(t.Context(), log, chain.VerifyOptions[error]{Check: check, Visit: taker.Take}); err != nil {
			t.Fatal(err)
		}
		took, err := taker.End()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: %s", seed, difference(got, want))
		}
		if listed.Bad = nil; took != listed || took.Copies == 0 {
			t.Errorf("seed %d: %+v, want %+v", seed, took, listed)
		}
	}
}
