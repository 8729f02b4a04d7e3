package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// checked is what authority.check passes to authority.visit.
type checked struct {
	v   *sign.Verified
	err error
}

// check is chain.VerifyOptions.Check: bad only for what is false, not for what
// merely cannot be verified. It is called from several goroutines at once.
func (a *authority) check(receipt []byte, prev string) (result any, bad error) {
	v, err := a.verifier.Verify(receipt)
	if invalid, ok := errors.AsType[*sign.InvalidError](err); ok {
		return checked{err: err}, errors.New(invalid.Reason)
	}
	if err != nil {
		return checked{err: err}, nil
	}
	if !v.Follows(prev) {
		bad = chain.ErrDisplaced
	}
	return checked{v: v}, bad
}

// authority tallies who signed what.
type authority struct {
	verifier sign.Verifier // the only field that check touches

	ring    keyring
	signers map[string]*chainSigner // by public key
	found   authenticity
	gaps    []string // the first of them
	damage  int64    // signed events of damage
	steps   int64    // likewise, of clocks that stepped back
	calls   calls
	seen    map[string]struct{} // ids of receipts that are not bound to a place
}

// maxListed bounds each list in a finding: a hostile log must not fill memory,
// nor the screen.
const maxListed = 100

func newAuthority(ring keyring) *authority {
	return &authority{ring: ring, signers: make(map[string]*chainSigner), calls: newCalls(), seen: map[string]struct{}{}}
}

// visit is chain.VerifyOptions.Visit.
func (a *authority) visit(e chain.Entry, result any) {
	r := result.(checked)
	if r.err != nil {
		a.failed(e, r.err)
		return
	}
	vouched := false // by a root that is known; sign.Verify has checked its delegations
	for _, s := range r.v.Signers {
		known := a.count(s, vouched)
		vouched = vouched || known && s.Role == "root" // it comes first
	}
	for _, d := range r.v.Doubts {
		a.doubt(e, d)
	}
	if a.isCopy(r.v) {
		a.doubt(e, "the same receipt stands in the log before: a copy, for which no key is needed")
	}
	a.calls.see(r)
	switch told := r.v.Event.(type) {
	case event.LogDamaged:
		a.damage++
	case event.ClockStep:
		a.steps++
	case event.Gap:
		if len(a.gaps) < maxListed {
			a.gaps = append(a.gaps, fmt.Sprintf("%s:%d: %s forwarded unsigned between %s and %s: %s",
				e.File, e.Line, count(told.Calls, "call"), formatTime(told.From), formatTime(told.To), told.Reason))
		}
	}
}

// failed counts a receipt that sign.Verify refuses.
func (a *authority) failed(e chain.Entry, err error) {
	var invalid *sign.InvalidError
	switch {
	case errors.As(err, &invalid):
		a.found.False++
	case errors.Is(err, sign.ErrUnsigned):
		a.found.Unsigned++
	default:
		a.found.Unreadable++
		a.doubt(e, err.Error())
	}
}

// isCopy says whether a receipt has been in the log before. Of those that are
// bound to their place a copy is displaced, and of an answer one too many; of
// others, such as were signed by hand, it would pass for a second call.
func (a *authority) isCopy(v *sign.Verified) bool {
	if v.Type != "" || history.IsResponse(v) || strings.HasPrefix(v.Session, "ses_") || len(a.seen) > maxCounted {
		return false
	}
	_, copied := a.seen[v.ID]
	a.seen[v.ID] = struct{}{}
	return copied
}

func (a *authority) doubt(e chain.Entry, what string) {
	if len(a.found.Doubts) < maxListed {
		a.found.Doubts = append(a.found.Doubts, fmt.Sprintf("%s:%d: %s", e.File, e.Line, what))
	}
}

// count adds a record to its signer and says whether that one is known. vouched
// says that a known root has delegated its authority to it in this record.
func (a *authority) count(p sign.Party, vouched bool) bool {
	as, known := a.ring.name(p.Key)
	key := string(p.Key)
	if vouched && !known {
		as, known = "by delegation", true
		key += as
	}
	s := a.signers[key]
	if s == nil {
		s = &chainSigner{Pubkey: formatKey(p.Key), Known: known, KnownAs: as}
		if len(a.signers) >= maxListed {
			// The others are counted together, under no key.
			if s, key = a.signers[""], ""; s == nil {
				s = new(chainSigner)
			}
		}
		a.signers[key] = s
	}
	s.Records++
	if len(s.Names) < 5 && !slices.Contains(s.Names, p.Name) {
		s.Names = append(s.Names, p.Name)
	}
	return known
}
