package sign

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Event makes a signed event for the log: a statement about the log and not about a
// call (FORMAT.md, "Event"). now is its time, prev the hash of the record before
// it, as for [Draft.SignAt]. It fails if the key fails, or for an [event.Other]
// with a member whose name is used already or whose value is not canonical.
func (s *Signer) Event(e event.Event, now time.Time, prev Hash) (*Receipt, error) {
	r, err := s.event(e, now, prev)
	if err != nil {
		return nil, fmt.Errorf("make an event %q: %w", e.Type(), err)
	}
	return r, nil
}

func (s *Signer) event(e event.Event, now time.Time, prev Hash) (*Receipt, error) {
	signer := s.signer
	if e.Type() == (event.Head{}).Type() {
		signer = []byte(`{"pubkey":"` + s.pubkey + `"}`) // chain/FORMAT.md, "Heads": names can be of any length
	}
	var x seal
	if err := x.open(now, s, &prev); err != nil {
		return nil, err
	}
	all := append(slices.Clone(e.Members()),
		event.Member{Name: "nonce", Value: quote(x.nonce[:])},
		event.Member{Name: "signer", Value: signer},
		event.Member{Name: "ts", Value: quote(x.ts[:])},
		event.Member{Name: "type", Value: canon.AppendString(nil, e.Type())},
		event.Member{Name: "v", Value: []byte("1")})
	message, err := event.Object(all)
	if err != nil {
		return nil, err
	}
	if err := x.sign("evt_", s.key, message); err != nil {
		return nil, err
	}
	b, err := event.Object(append(all,
		event.Member{Name: "id", Value: quote(x.id[:])},
		event.Member{Name: "sig", Value: quote(x.sig[:])}))
	if err != nil {
		return nil, err
	}
	return &Receipt{ID: string(x.id[:]), JSON: b, Record: b}, nil
}

func quote(s []byte) []byte { return canon.AppendString(nil, string(s)) }
