package verify

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// sides counts what a log says of the other side of its calls: what a server's side
// has confirmed, and what a check has refused, or let pass without a receipt.
type sides struct {
	verifier   sign.Verifier
	confirmed  map[string]*Confirmer // by public key
	others     int64                 // outcomes confirmed by further keys
	bad        int64                 // false confirmations, as the wrapper met them
	refused    int64
	unreceived int64 // calls without a receipt
}

// Confirmer is a key of a server's side that has confirmed outcomes.
type Confirmer struct {
	Pubkey   string `json:"pubkey"`
	Name     string `json:"name"`               // that it gave itself
	KnownAs  string `json:"known_as,omitempty"` // what it is called here; "": it is not known
	Trust    string `json:"trust"`              // Trusted, Named or Unknown
	Outcomes int64  `json:"outcomes"`
}

// see takes an event that is believed. why is a doubt, "" if there is none.
func (s *sides) see(v *sign.Verified, keys *Keys) (why string) {
	switch e := v.Event.(type) {
	case event.NoReceipt:
		s.unreceived++
	case event.CallRefused:
		s.refused++
	case event.BadCosignature:
		s.bad++
	case event.Cosigned:
		c, err := s.verifier.Verify(e.Receipt, sign.AnyKey)
		switch {
		case err != nil:
			return "the receipt of the server's side in it: " + err.Error()
		case c.Version != 3 || c.EmbeddedID != e.Call || !c.Signers[0].Key.Equal(signerOf(v)):
			return "the receipt of the server's side in it is about another call"
		}
		s.confirm(c, keys)
	}
	return ""
}

func signerOf(v *sign.Verified) ed25519.PublicKey { return v.Signers[len(v.Signers)-1].Key }

func (s *sides) confirm(c *sign.Verified, keys *Keys) {
	server := c.Signers[1]
	by := s.confirmed[string(server.Key)]
	if by == nil {
		if len(s.confirmed) >= maxListed {
			s.others++
			return
		}
		at := keys.standing(server.Key, c.Responded)
		by = &Confirmer{Pubkey: FormatKey(server.Key), Name: text.Clip(server.Name, maxClip), KnownAs: at.as, Trust: at.level}
		if s.confirmed == nil {
			s.confirmed = map[string]*Confirmer{}
		}
		s.confirmed[string(server.Key)] = by
	}
	by.Outcomes++
}

// finding is what is said of it, most first, and what is noted.
func (s *sides) finding() (all []Confirmer, notes []string) {
	for _, c := range s.confirmed {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(x, y Confirmer) int {
		return cmp.Or(cmp.Compare(y.Outcomes, x.Outcomes), cmp.Compare(x.Pubkey, y.Pubkey))
	})
	for _, c := range all {
		who := fmt.Sprintf("%q, known here as %q", c.Name, c.KnownAs)
		if c.Trust == Unknown {
			who = fmt.Sprintf("%q by its own word, not known here: %s", c.Name, c.Pubkey)
		}
		notes = append(notes, fmt.Sprintf("%s confirmed by the server's key (%s)", text.Count(c.Outcomes, "outcome"), who))
	}
	note := func(n int64, what, rest string) {
		if n > 0 {
			notes = append(notes, text.Count(n, what)+rest)
		}
	}
	note(s.others, "outcome", " confirmed by further keys")
	note(s.bad, "response", " with a false receipt of a server's side, which confirms nothing")
	note(s.refused, "call", " refused by the check: audit lists them")
	note(s.unreceived, "call", " without a receipt of the client, which the check let pass")
	return all, notes
}

// sidesOf takes a record that is believed.
func (s *logCheck) sidesOf(e *chain.Entry, c checked) {
	if why := s.sides.see(c.v, s.tally.keys); why != "" {
		s.tally.doubt(e, why)
	}
}
