package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
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
	Head    string `json:"head"` // hash of the newest record: keep a copy elsewhere; "" if the log was not read to its end

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
	Verdict  string   `json:"verdict"`         // "no gap", "gaps" or, if the log was not read to its end, "unchecked"
	Gaps     []string `json:"gaps,omitempty"`  // one phrase each
	Notes    []string `json:"notes,omitempty"` // what is accounted for
	Anchored bool     `json:"anchored"`        // false: a clean cut of the newest records cannot show
}

func (c *command) verifyChain(u *ucli.Context) error {
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()

	a := newAuthority(ring)
	bar := c.progress("verifying")
	r, err := chain.Verify(ctx, h.Audit(), chain.VerifyOptions{Check: a.check, Visit: a.visit, Progress: bar.show})
	bar.clear()
	if r == nil {
		return &failure{exitUsage, fmt.Errorf("reading the log: %w", err), ""}
	}
	if err == nil && r.Records == 0 && r.Damaged == 0 && r.Torn == nil && len(r.SetAside) == 0 {
		return &failure{exitUsage, fmt.Errorf("nothing has been logged yet in %s", h.Audit()), "--home DIR, if the log is elsewhere"}
	}
	f := judgeChain(r, a, h.Audit())
	if err != nil {
		f.cutShort()
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

// cutShort takes out what only the whole log could tell: its head, and which
// calls have no outcome.
func (f *chainFinding) cutShort() {
	if f.Verdict != "tampered" {
		f.Verdict = "unchecked"
	}
	f.Head = ""
	f.Completeness = completeness{Verdict: "unchecked"}
	for i := range f.Breaks {
		if b := &f.Breaks[i]; b.Detail == "" {
			b.Detail = "this record does not follow the one before it; why, was not looked into"
		}
	}
}

// judgeChain puts the three verdicts together.
func judgeChain(r *chain.Report, a *authority, dir string) chainFinding {
	f := chainFinding{
		Verdict: "valid", Log: dir, Records: r.Records, Files: len(r.Files), Head: r.Head,
		Damaged: r.Damaged, Breaks: append([]chain.Break{}, r.Breaks...), // [] rather than null
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
	auth.Verdict, auth.Signers = "known", []chainSigner{}
	for _, s := range a.signers {
		auth.Signers = append(auth.Signers, *s)
		if !s.Known {
			auth.Verdict = "unknown"
		}
	}
	slices.SortFunc(auth.Signers, func(x, y chainSigner) int {
		if x.Known != y.Known { // what is to be looked at comes first
			return map[bool]int{false: -1, true: 1}[x.Known]
		}
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
	if n := a.damage; n > 0 {
		whole.Notes = append(whole.Notes, fmt.Sprintf("%s of damage that a writer met and went on behind", count(n, "event")))
	}
	if n := a.steps; n > 0 {
		whole.Notes = append(whole.Notes, fmt.Sprintf("%s of a clock that had stepped back: what it said stands there", count(n, "event")))
	}
	for _, b := range r.Breaks {
		if b.Kind == chain.Removed || b.Kind == chain.Truncated || b.Kind == chain.Malformed {
			whole.Gaps = append(whole.Gaps, "records are missing where the log is damaged")
			break
		}
	}
	gaps, notes := a.calls.findings()
	if r.Damaged > 0 {
		gaps = nil // a call whose record is damaged is not missing
	}
	whole.Gaps, whole.Notes = append(whole.Gaps, gaps...), append(whole.Notes, notes...)
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
