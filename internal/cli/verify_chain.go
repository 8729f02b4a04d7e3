package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// chainFinding is what verifying the log came to. Its JSON is the answer of
// --json.
type chainFinding struct {
	Verdict string `json:"verdict"` // "valid", "tampered", "unconfirmed" or, if the log could not be read to its end, "unchecked"
	Log     string `json:"log"`     // its folder
	Records int64  `json:"records"`
	Files   int    `json:"files"`
	First   string `json:"first,omitempty"` // time of the first record
	Last    string `json:"last,omitempty"`
	Head    string `json:"head"` // hash of the newest record: keep a copy elsewhere

	Integrity    integrity    `json:"integrity"`
	Authenticity authenticity `json:"authenticity"`
	Completeness completeness `json:"completeness"`

	Damaged int64         `json:"damaged"` // number of places
	Breaks  []chain.Break `json:"breaks"`  // the first of them
}

// integrity: does each record follow the one before it, unedited?
type integrity struct {
	Verdict     string   `json:"verdict"`           // "unbroken" or "broken"
	Damaged     int64    `json:"damaged"`           // number of places, without those of false receipts
	Unprotected int64    `json:"unprotected"`       // records with members that no hash covers
	Ignored     []string `json:"ignored,omitempty"` // .jsonl files whose names are no days
}

// authenticity: who signed?
type authenticity struct {
	Verdict    string        `json:"verdict"`    // "known", "unknown" (a signer or what a record is) or "false"
	False      int64         `json:"false"`      // receipts that are not what was signed
	Unsigned   int64         `json:"unsigned"`   // events without a signature
	Unreadable int64         `json:"unreadable"` // records that are not known as receipts here
	Signers    []chainSigner `json:"signers"`
	Doubts     []string      `json:"doubts,omitempty"` // what a good signature does not settle
}

// chainSigner is a key in the log.
type chainSigner struct {
	Pubkey  string   `json:"pubkey,omitempty"`
	Names   []string `json:"names"` // that it gave itself
	Records int64    `json:"records"`
	Known   bool     `json:"known"`
	KnownAs string   `json:"known_as,omitempty"`
}

// completeness: is anything missing, as far as the log can tell by itself?
type completeness struct {
	Verdict  string   `json:"verdict"`         // "no gap" or "gaps"
	Gaps     []string `json:"gaps,omitempty"`  // one phrase each
	Notes    []string `json:"notes,omitempty"` // what is accounted for
	Anchored bool     `json:"anchored"`        // false: a clean cut of the newest records cannot show
}

func (c *command) verifyChain(u *ucli.Context) error {
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	h, err := c.home(u)
	if err != nil {
		return &failure{exitUsage, err, ""}
	}
	ctx, stop := signal.NotifyContext(c.ctx, os.Interrupt)
	defer stop()

	a := newAuthority(ring)
	bar := c.progress("verifying")
	r, err := chain.Verify(ctx, h.audit(), chain.VerifyOptions{Check: checkReceipt, Visit: a.visit, Progress: bar.show})
	bar.clear()
	if r == nil {
		return &failure{exitUsage, fmt.Errorf("reading the log: %w", err), ""}
	}
	if err == nil && r.Records == 0 && r.Damaged == 0 && r.Torn == nil && len(r.SetAside) == 0 {
		return &failure{exitUsage, fmt.Errorf("nothing has been logged yet in %s", h.audit()), "--home DIR, if the log is elsewhere"}
	}
	f := judgeChain(r, a, h.audit())
	if err != nil && f.Verdict != "tampered" {
		f.Verdict = "unchecked"
	}
	if u.Bool("json") {
		line, jerr := json.Marshal(f)
		if jerr != nil {
			return jerr
		}
		fmt.Fprintf(c.Stdout, "%s\n", line)
	} else {
		c.printChain(f, ring)
	}
	if err != nil {
		if errors.Is(err, ctx.Err()) {
			err = errors.New("interrupted")
		}
		c.complain(fmt.Sprintf("%v, after %s records: the rest of the log is not checked", err, grouped(r.Records)), "")
	}
	return map[string]error{
		"valid": nil, "tampered": status(exitFailed), "unchecked": status(exitUsage), "unconfirmed": status(exitUnconfirmed),
	}[f.Verdict]
}

// checked is what checkReceipt passes to authority.visit.
type checked struct {
	v   *sign.Verified
	err error
	gap string // what a gap event says
}

// checkReceipt is chain.VerifyOptions.Check: bad only for what is false, not for
// what merely cannot be verified.
func checkReceipt(receipt []byte) (result any, bad error) {
	v, err := sign.Verify(receipt)
	var invalid *sign.InvalidError
	if errors.As(err, &invalid) {
		return checked{err: err}, errors.New(invalid.Reason)
	}
	if err != nil {
		return checked{err: err}, nil
	}
	// The receipt's bytes do not last, and what is not needed is not kept.
	k := &sign.Verified{Type: strings.Clone(v.Type), Doubts: v.Doubts}
	for _, s := range v.Signers {
		k.Signers = append(k.Signers, sign.Party{Role: s.Role, Name: strings.Clone(s.Name), Key: slices.Clone(s.Key)})
	}
	out := checked{v: k}
	if v.Type == "gap" {
		out.gap = gapText(receipt)
	}
	return out, nil
}

// gapText says what a gap event tells: package wrap makes them.
func gapText(receipt []byte) string {
	var g struct {
		Calls            int64
		From, To, Reason string
	}
	if json.Unmarshal(receipt, &g) != nil {
		return "calls were forwarded unsigned"
	}
	return fmt.Sprintf("%s forwarded unsigned between %s and %s: %s", count(g.Calls, "call"), g.From, g.To, g.Reason)
}

// authority tallies who signed what.
type authority struct {
	ring    keyring
	signers map[string]*chainSigner // by public key
	found   authenticity
	gaps    []string // the first of them
}

// maxListed bounds each list in a finding: a hostile log must not fill memory,
// nor the screen.
const maxListed = 100

func newAuthority(ring keyring) *authority {
	return &authority{ring: ring, signers: make(map[string]*chainSigner)}
}

// visit is chain.VerifyOptions.Visit.
func (a *authority) visit(e chain.Entry, result any) {
	r := result.(checked)
	var invalid *sign.InvalidError
	switch {
	case errors.As(r.err, &invalid):
		a.found.False++
		return
	case errors.Is(r.err, sign.ErrUnsigned):
		a.found.Unsigned++
		return
	case r.err != nil:
		a.found.Unreadable++
		a.doubt(e, r.err.Error())
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
	if r.gap != "" && len(a.gaps) < maxListed {
		a.gaps = append(a.gaps, fmt.Sprintf("%s:%d: %s", e.File, e.Line, r.gap))
	}
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

// judgeChain puts the three verdicts together.
func judgeChain(r *chain.Report, a *authority, dir string) chainFinding {
	f := chainFinding{
		Verdict: "valid", Log: dir, Records: r.Records, Files: len(r.Files), Head: r.Head,
		Damaged: r.Damaged, Breaks: r.Breaks,
		Integrity:    integrity{"unbroken", r.Damaged - r.Forged, r.Unprotected, r.Ignored},
		Authenticity: a.found,
		Completeness: completeness{Verdict: "no gap", Gaps: a.gaps},
	}
	if !r.First.IsZero() {
		f.First = formatTime(r.First)
	}
	if !r.Last.IsZero() {
		f.Last = formatTime(r.Last)
	}

	if f.Integrity.Damaged > 0 {
		f.Integrity.Verdict = "broken"
	}

	auth := &f.Authenticity
	auth.Verdict = "known"
	for _, s := range a.signers {
		auth.Signers = append(auth.Signers, *s)
		if !s.Known {
			auth.Verdict = "unknown"
		}
	}
	slices.SortFunc(auth.Signers, func(x, y chainSigner) int {
		return cmp.Or(cmp.Compare(y.Records, x.Records), cmp.Compare(x.Pubkey, y.Pubkey))
	})
	if len(auth.Doubts) > 0 || auth.Unreadable > 0 {
		auth.Verdict = "unknown"
	}
	if auth.False > 0 {
		auth.Verdict = "false"
	}

	whole := &f.Completeness
	if r.Torn != nil {
		whole.Gaps = append(whole.Gaps, fmt.Sprintf("%s:%d: the log ends in half a line of %s; the next append sets it aside",
			r.Torn.File, r.Torn.Line, count(r.Torn.Length, "byte")))
	}
	told := 0
	for _, s := range r.SetAside {
		switch {
		case !s.Kept:
			whole.Gaps = append(whole.Gaps, fmt.Sprintf("%s: a torn line was set aside there, and is not there as it was", s.File))
		case !s.Recorded:
			whole.Gaps = append(whole.Gaps, fmt.Sprintf("%s: a torn line that no event in the log tells of", s.File))
		default:
			told++
		}
	}
	if told > 0 {
		whole.Notes = append(whole.Notes, fmt.Sprintf("%s set aside and accounted for", count(int64(told), "torn line")))
	}
	for _, b := range r.Breaks {
		if b.Kind == chain.Removed || b.Kind == chain.Truncated || b.Kind == chain.Malformed {
			whole.Gaps = append(whole.Gaps, "records are missing where the log is damaged")
			break
		}
	}
	if len(whole.Gaps) > 0 {
		whole.Verdict = "gaps"
	}

	switch {
	case r.Damaged > 0:
		f.Verdict = "tampered"
	case auth.Verdict != "known" || whole.Verdict != "no gap":
		f.Verdict = "unconfirmed"
	}
	return f
}
