package verify

import (
	"errors"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Examine says what is established of a record by itself. Whether its hash is that of the
// record, and whether it is in its place, is not part of it.
func Examine(r *history.Record, keys Keys, now time.Time) Receipt {
	var invalid *sign.InvalidError
	switch {
	case errors.As(r.Err, &invalid):
		return Receipt{Verdict: Tampered, Reasons: []string{invalid.Reason}}
	case errors.Is(r.Err, sign.ErrUnsigned):
		return Receipt{Verdict: Unconfirmed, Reasons: []string{"an event without a signature, which any program could have written"}}
	case r.Err != nil && !errors.Is(r.Err, history.ErrHash): // which is told with the place
		return Receipt{Verdict: Unconfirmed, Reasons: []string{r.Err.Error()}}
	}
	return Judge(r.Says, keys, now)
}

// Clip cuts the texts that signers chose to a number of bytes.
func (r *Receipt) Clip(most int) {
	for _, p := range []*string{&r.ID, &r.Event, &r.Tool, &r.Target, &r.Outcome} {
		*p = text.Clip(*p, most)
	}
	for i := range r.Reasons {
		r.Reasons[i] = text.Clip(r.Reasons[i], most)
	}
	for i := range r.Signers {
		s := &r.Signers[i]
		s.Name, s.Owner, s.KnownAs = text.Clip(s.Name, most), text.Clip(s.Owner, most), text.Clip(s.KnownAs, most)
	}
}
