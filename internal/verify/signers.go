package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Authenticity: who signed?
type Authenticity struct {
	// Verdict is "trusted" (by the trust file in force), "known" (there is none),
	// "unconfirmed" (a signer is named by the home alone, or when it signed is its own
	// word, or it had signed what it should not), "unknown" (a signer or what a record
	// is) or "false".
	Verdict    string   `json:"verdict"`
	Trust      string   `json:"trust,omitempty"` // the trust file in force
	False      int64    `json:"false"`           // receipts that are not what was signed
	Unsigned   int64    `json:"unsigned"`        // events without a signature
	Unreadable int64    `json:"unreadable"`      // records that are not known as receipts here
	Signers    []Signer `json:"signers"`
	Doubts     []string `json:"doubts,omitempty"` // what a good signature does not settle

	Withdrawn []Withdrawn `json:"withdrawn,omitempty"` // keys that were rotated, retired or revoked
}

// Signer is a key in the log.
type Signer struct {
	Pubkey  string   `json:"pubkey,omitempty"` // "" for all keys beyond the first hundred together
	Names   []string `json:"names"`            // that it gave itself, the first five
	Owners  []string `json:"owners,omitempty"` // likewise
	Records int64    `json:"records"`
	Known   bool     `json:"known"`
	KnownAs string   `json:"known_as,omitempty"`
	Trust   string   `json:"trust"`                      // Trusted, Named, Carried or Unknown
	OwnWord int64    `json:"by_own_word,omitempty"`      // records of a key that was closed, which no anchor saw in time
	Outside int64    `json:"outside_validity,omitempty"` // and that claim a time at which it is not trusted

	waits []wait
}

// wait counts records that are trusted if an anchor saw them at a time or before.
type wait struct {
	until            time.Time
	ownWord, outside int64
}

// anchored notes that all records up to here were there at a time.
func (s *Signer) anchored(at time.Time) {
	for i := range s.waits {
		if w := &s.waits[i]; !at.After(w.until) {
			w.ownWord, w.outside = 0, 0
		}
	}
}

// take counts a record.
func (s *Signer) take(st standing) {
	if s.Records++; st.until.IsZero() {
		if st.outside {
			s.Outside++
		}
		return
	}
	i := slices.IndexFunc(s.waits, func(w wait) bool { return w.until.Equal(st.until) })
	if i < 0 {
		i = len(s.waits)
		s.waits = append(s.waits, wait{until: st.until})
	}
	if st.outside {
		s.waits[i].outside++
	} else {
		s.waits[i].ownWord++
	}
}

// Established says that each signer is known, and if a trust file is in force trusted.
func (a *Authenticity) Established() bool { return a.Verdict == "trusted" || a.Verdict == "known" }

// maxNames is how many names of one key are listed.
const maxNames = 5

// checked is what is known of a receipt by itself.
type checked struct {
	v     *sign.Verified // nil: err
	err   error
	known bool // by all who signed it: it is believed
}

// checker checks receipts by themselves. It may be used by several goroutines at
// once.
type checker struct {
	keys     *Keys
	verifier sign.Verifier
}

// check is chain.VerifyOptions.Check, for a receipt that follows the record with
// the hash prev. A receipt that is bound to another place shows a log that was
// made again only if a known key signed it: anybody can sign with a key of their
// own.
func (c *checker) check(receipt []byte, prev chain.Hash) (result chain.Checked[checked]) {
	result = c.alone(receipt)
	if r := &result.Result; r.known && !r.v.Follows(prev) {
		result.Bad = chain.ErrDisplaced
	}
	return result
}

// alone is check for a receipt outside of a log: bad only for what is false,
// not for what merely cannot be verified.
func (c *checker) alone(receipt []byte) (result chain.Checked[checked]) {
	v, err := c.verifier.Verify(receipt, c.keys.has)
	unknown, ok := errors.AsType[*sign.UnknownKeyError](err)
	if ok {
		v, err = unknown.Says, nil
	}
	if invalid, ok := errors.AsType[*sign.InvalidError](err); ok {
		result.Bad = errors.New(invalid.Reason)
	}
	if err != nil {
		result.Result.err = err
		return result
	}
	known := !ok
	result.Result = checked{v: v, known: known}
	result.Believed, result.Time, result.Event = known, v.Time, v.Event
	return result
}

// tally counts who signed what.
type tally struct {
	keys    *Keys
	signers map[string]*Signer // by public key
	bounded []*Signer          // those that are trusted until a time
	found   Authenticity
	copies  copies
}

func newTally(keys *Keys) *tally {
	return &tally{keys: keys, signers: map[string]*Signer{}}
}

// see takes the records in their order.
func (t *tally) see(e *chain.Entry, c checked) {
	switch {
	case c.err == nil:
	case errors.As(c.err, new(*sign.InvalidError)):
		t.found.False++
		return
	case errors.Is(c.err, sign.ErrUnsigned):
		t.found.Unsigned++
		return
	default:
		t.found.Unreadable++
		t.doubt(e, c.err.Error())
		return
	}
	t.keys.signers(c.v, t.count)
	for _, d := range c.v.Doubts {
		t.doubt(e, d)
	}
	if t.copies.again(c.v) {
		t.doubt(e, "the "+t.copies.in()+" has the same receipt earlier: a copy, for which no key is needed")
	}
}

func (t *tally) doubt(e *chain.Entry, what string) {
	if len(t.found.Doubts) < maxListed {
		t.found.Doubts = append(t.found.Doubts, fmt.Sprintf("%s:%d: %s", text.Clip(e.File, maxClip), e.Line, text.Clip(what, maxClip)))
	}
}

// anchored notes that others saw all records up to here at a time.
func (t *tally) anchored(at time.Time) {
	for _, s := range t.bounded {
		s.anchored(at)
	}
}

// count adds a record to its signer.
func (t *tally) count(p sign.Party, st standing) {
	key := string(p.Key)
	if st.as == byDelegation {
		key += st.as
	}
	s := t.signers[key]
	if s == nil {
		s = &Signer{Pubkey: FormatKey(p.Key), Known: st.known(), KnownAs: st.as, Trust: st.level}
		if len(t.signers) >= maxListed && !s.Known {
			// The others are counted together, under no key.
			if s, key = t.signers[""], ""; s == nil {
				s = &Signer{Trust: Unknown}
			}
		}
		t.signers[key] = s
	}
	s.take(st)
	if len(s.waits) == 1 && s.waits[0].ownWord+s.waits[0].outside == 1 && !slices.Contains(t.bounded, s) {
		t.bounded = append(t.bounded, s)
	}
	if name := text.Clip(p.Name, maxClip); len(s.Names) < maxNames && !slices.Contains(s.Names, name) {
		s.Names = append(s.Names, name)
	}
	if owner := text.Clip(p.Owner, maxClip); owner != "" && len(s.Owners) < maxNames && !slices.Contains(s.Owners, owner) {
		s.Owners = append(s.Owners, owner)
	}
}

// finding is what came of it.
func (t *tally) finding() Authenticity {
	f := t.found
	f.Verdict, f.Trust, f.Signers = "known", t.keys.Trust, []Signer{}
	if f.Trust != "" {
		f.Verdict = "trusted"
	}
	unknown := false
	for _, s := range t.signers {
		for _, w := range s.waits {
			s.OwnWord, s.Outside = s.OwnWord+w.ownWord, s.Outside+w.outside
		}
		s.waits = nil
		f.Signers = append(f.Signers, *s)
		unknown = unknown || !s.Known
		if !t.keys.established(s.Trust) || s.OwnWord+s.Outside > 0 {
			f.Verdict = "unconfirmed"
		}
	}
	slices.SortFunc(f.Signers, func(x, y Signer) int {
		if x.Known != y.Known { // what is to be looked at comes first
			return map[bool]int{false: -1, true: 1}[x.Known]
		}
		return cmp.Or(cmp.Compare(y.Records, x.Records), cmp.Compare(x.Pubkey, y.Pubkey))
	})
	if unknown || len(f.Doubts) > 0 || f.Unreadable > 0 {
		f.Verdict = "unknown"
	}
	if f.False > 0 {
		f.Verdict = "false"
	}
	return f
}
