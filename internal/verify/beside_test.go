package verify

import (
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// An event that arguments were not kept counts only with its calls: later, it would
// explain whatever is gone.
func TestHashOnlyAfterwards(t *testing.T) {
	const session = "ses_00000000000000000000000000000001"
	for name, c := range map[string]struct {
		later   bool // the event is written after the calls
		missing int64
	}{"with the call": {false, 0}, "later": {true, 1}} {
		signer, err := sign.NewSigner(testlog.Key(), "bot", "")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		clock := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
		log := chain.New(dir, chain.Options{NoSync: true, Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
		defer log.Close()
		var id string
		write := func(makes ...func(at chain.At) (*sign.Receipt, error)) {
			t.Helper()
			if _, err := log.Append(len(makes), func(i int, at chain.At) ([]byte, error) {
				r, err := makes[i](at)
				if err != nil {
					return nil, err
				}
				return r.Record, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		apart := func(at chain.At) (*sign.Receipt, error) {
			return signer.Event(event.ParamsApart{Session: session}, at.Time, at.Prev)
		}
		call := func(at chain.At) (*sign.Receipt, error) {
			d, err := signer.Prepare(sign.Action{Tool: "t", Target: "mcp://x", Session: session, Arguments: []byte(`{"a":1}`), HashOnly: true})
			if err != nil {
				return nil, err
			}
			r, err := d.SignAt(at.Time, at.Prev)
			id = r.ID
			return r, err
		}
		hidden := func(at chain.At) (*sign.Receipt, error) {
			return signer.Event(event.HashOnly{Session: session, Calls: []event.Call{{ID: id, Reason: "secret"}}}, at.Time, at.Prev)
		}
		if c.later {
			write(apart, call)
			write(hidden)
		} else {
			write(apart, call, hidden)
		}
		s, err := chain.TakeSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		var keys Keys
		keys.AddTrusted(signer.PublicKey(), "bot")
		f, err := CheckLog(t.Context(), s, keys, Options{Now: clock.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		if f.Arguments != nil {
			got = f.Arguments.Missing
		}
		if got != c.missing {
			t.Errorf("%s: %d missing, want %d: %q", name, got, c.missing, f.Completeness.Gaps)
		}
	}
}
