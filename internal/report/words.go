package report

import (
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// Words say to a person what was found.
type Words struct {
	Verdict  verify.Verdict `json:"verdict"`
	Badge    string         `json:"badge"` // the verdict, and "by itself" if nobody else is shown to have seen the log
	Level    string         `json:"level"` // Good, Doubt or Bad
	Says     string         `json:"says"`
	Sections []Section      `json:"sections"`
	Limits   []string       `json:"limits"` // how far all that can be trusted: one sentence each
}

// A Section answers one question.
type Section struct {
	Question string   `json:"question"`
	Word     string   `json:"word"`
	Level    string   `json:"level"`
	Says     string   `json:"says"`
	Lines    []string `json:"lines,omitempty"`
}

// Levels of what is said.
const (
	Good  = "good"
	Doubt = "doubt"
	Bad   = "bad"
)

// words are those for a bundle that was verified with these files of the reader's.
func words(f *verify.Bundle, used []Used) Words {
	p, trust := partOf(f), strings.Join(names(used, AsTrust), ", ")
	w := Words{Verdict: f.Verdict, Badge: string(f.Verdict), Sections: []Section{changed(f, p), missing(f, p), who(f, p, trust), witnessed(f)}, Limits: limits(f, trust)}
	alone, by := others(f)
	what := "No record was changed, and as far as the log itself can tell, none is missing"
	switch f.Bundle {
	case bundle.Range:
		what = fmt.Sprintf("Records %s to %s of a log of %s: none was changed, and none of them is missing", text.Grouped(f.First+1), text.Grouped(f.Last+1), text.Grouped(f.Size))
	case bundle.Selection:
		what = fmt.Sprintf("%s, picked from a log of %s: none was changed, and each is in its place; what lies between is not shown", text.Count(f.Records, "record"), text.Grouped(f.Size))
	}
	switch f.Verdict {
	case verify.Valid:
		w.Level, w.Says = Good, what+". All are signed by keys that your trust file names. "+by
		if alone {
			w.Badge += " by itself"
		}
	case verify.Unconfirmed:
		w.Level, w.Says = Doubt, "What is here fits together, but not all is established: see what is marked below."
		if missing := w.Sections[1]; p.damaged == 0 && missing.Word != "gaps" {
			w.Says = what + ". But not all is established"
			if !p.authenticity.Established() {
				w.Says += ": above all, who signed it"
			}
			w.Says += "."
		}
		w.Says += " " + by
	case verify.Unchecked:
		w.Level, w.Says = Doubt, "The evidence could not be read to its end."
	case verify.Tampered:
		w.Level, w.Says = Bad, "The evidence is not as it was written and signed. Do not rely on it."
	}
	return w
}

// A part is what a log, a range and a selection have in common.
type part struct {
	authenticity *verify.Authenticity
	gaps, notes  []string
	damaged      int64
	breaks       []chain.Break
	unprotected  int64
}

func partOf(f *verify.Bundle) part {
	switch {
	case f.Log != nil:
		l := f.Log
		return part{&l.Authenticity, l.Completeness.Gaps, l.Completeness.Notes, l.Damaged, l.Breaks, l.Integrity.Unprotected}
	case f.Selection != nil:
		s := f.Selection
		return part{&s.Authenticity, s.Gaps, s.Notes, s.Damaged, s.Breaks, s.Unprotected}
	}
	return part{authenticity: &verify.Authenticity{Verdict: "unknown"}}
}

func changed(f *verify.Bundle, p part) Section {
	s := Section{"Was anything changed?", "unbroken", Good, "No record was edited, and each follows the one before it: " + text.Count(f.Records, "record") + ".", nil}
	if f.Bundle == bundle.Selection {
		s.Says = "No record was edited, and each is in its place in the log: " + text.Count(f.Placed, "record") + "."
	}
	switch {
	case p.damaged > 0:
		s.Word, s.Level = "broken", Bad
		s.Says = "The log is damaged in " + text.Count(p.damaged, "place") + ": records were changed, removed or put in."
	case f.Verdict == verify.Tampered:
		s.Word, s.Level, s.Says = "broken", Bad, "Files, records or signatures are not as they were when this file was made."
	case f.Verdict == verify.Unchecked:
		s.Word, s.Level, s.Says = "unchecked", Doubt, "Not all could be read."
	}
	if f.Verdict == verify.Tampered {
		s.Lines = append(s.Lines, f.Reasons...)
	}
	for _, b := range p.breaks {
		s.Lines = append(s.Lines, fmt.Sprintf("%s, line %d: %s: %s", b.File, b.Line, b.Kind, b.Detail))
	}
	if p.unprotected > 0 {
		s.Lines = append(s.Lines, text.Count(p.unprotected, "record")+" with members that no hash covers: they prove nothing")
	}
	return s
}

func missing(f *verify.Bundle, p part) Section {
	s := Section{Question: "Is anything missing?", Word: "no gap", Level: Good}
	switch f.Bundle {
	case bundle.Range:
		s.Word, s.Level = "a part", Doubt
		s.Says = fmt.Sprintf("All records from %s to %s are here, of a log of %s. What is before and after is not shown.", text.Grouped(f.First+1), text.Grouped(f.Last+1), text.Grouped(f.Size))
	case bundle.Selection:
		s.Word, s.Level = "a selection", Doubt
		s.Says = fmt.Sprintf("Somebody picked %s from a log of %s. What lies between is not shown: there may be more of the same kind.", text.Count(f.Records, "record"), text.Grouped(f.Size))
	default:
		s.Says = "This is the whole log as it was when this file was made, and it shows no gap. It cannot show that its newest records had been cut off before: see who else has seen it."
	}
	if f.Log != nil && f.Log.Completeness.Verdict == "unchecked" {
		s.Word, s.Level, s.Says = "unchecked", Doubt, "The log was not read to its end."
	}
	if len(p.gaps) > 0 {
		s.Word, s.Level = "gaps", Doubt
		s.Says = "Something is missing, and the log says so. " + s.Says
		if f.Bundle == bundle.Log {
			s.Says = "Something is missing, and the log says so."
		}
	}
	s.Lines = append(append(s.Lines, p.gaps...), p.notes...)
	return s
}

func who(f *verify.Bundle, p part, trust string) Section {
	a := p.authenticity
	s := Section{Question: "Who signed?", Word: a.Verdict, Level: Doubt}
	carried := len(a.Signers) > 0
	for _, k := range a.Signers {
		carried = carried && k.Trust == verify.Carried
	}
	switch {
	case a.Verdict == "trusted":
		s.Level, s.Says = Good, "All signatures are good, by keys that your trust file names."
	case a.Verdict == "false":
		s.Level, s.Says = Bad, "What was signed is not what is in "+text.Count(a.False, "record")+"."
	case carried && trust != "":
		s.Says = fmt.Sprintf("All signatures are good, but your trust file %q does not name their keys: only this file says whose they are. Anybody can make a key with any name.", trust)
	case carried && a.Verdict == "unconfirmed":
		s.Says = "All signatures are good, but only this file says whose keys they are. Anybody can make a key with any name. Drop your own trust file below."
	case a.Verdict == "unknown":
		s.Says = "The signatures are good, but not all are by keys that are known."
	default:
		s.Says = "The signatures are good, but for some it is not established who signed, or when."
	}
	for _, k := range a.Signers {
		s.Lines = append(s.Lines, signer(&k))
	}
	for _, k := range f.Signed {
		s.Lines = append(s.Lines, "the evidence as a whole is signed by the "+k.Role+": "+level(k.Trust, k.KnownAs)+": "+k.Pubkey)
	}
	if a.Unsigned > 0 {
		s.Lines = append(s.Lines, text.Count(a.Unsigned, "event")+" without a signature, which any program could have written")
	}
	s.Lines = append(s.Lines, a.Doubts...)
	if f.Verdict != verify.Tampered {
		s.Lines = append(s.Lines, f.Reasons...)
	}
	for _, k := range a.Withdrawn {
		s.Lines = append(s.Lines, fmt.Sprintf("the key %s (%q) was %s %s; it signed %s after that", k.Pubkey, k.Name,
			strings.TrimPrefix(k.Kind, "key_"), k.Since, text.Count(k.Records, "record")))
	}
	return s
}

// level says in how far a key is trusted.
func level(trust, as string) string {
	switch trust {
	case verify.Trusted:
		return fmt.Sprintf("trusted, as %q", as)
	case verify.Carried, verify.Named:
		return fmt.Sprintf("named %q by this file alone", as)
	}
	return "NOT known"
}

func signer(k *verify.Signer) string {
	if k.Pubkey == "" {
		return text.Count(k.Records, "record") + " by many other keys, not known"
	}
	s := text.Count(k.Records, "record") + " by " + quoted(k.Names)
	if len(k.Owners) > 0 {
		s += ", for " + quoted(k.Owners) + " by its own word"
	}
	s += ": " + level(k.Trust, k.KnownAs) + ": " + k.Pubkey
	if k.OwnWord > 0 {
		s += "; " + text.Count(k.OwnWord, "record") + " by its own word: no anchor saw them before the key was closed"
	}
	if k.Outside > 0 {
		s += "; " + text.Count(k.Outside, "record") + " of a time at which it is not trusted"
	}
	return s
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(all, ", ")
}

// others says in a sentence who else is shown to have seen the log, and whether nobody is
// but by the word of who made the file.
func others(f *verify.Bundle) (alone bool, says string) {
	alone, says = true, "Nothing in this file shows that anybody else saw the log: whoever holds its key could have rewritten it, or cut off its end."
	for _, s := range f.Seen() {
		if !s.Carried {
			return false, "Others saw " + text.Count(s.Records, "record") + " of it: " + seenBy(s) + "."
		}
		says = "That others saw the log is the word of who made this file."
	}
	return alone, says
}

// seenBy says who saw records, and when.
func seenBy(s verify.Seen) string {
	by := "a time-stamp authority"
	if !s.Stamp {
		by = strings.Join(s.By, ", ")
	}
	if s.At != "" {
		by += ", at " + s.At
	}
	return by
}

func witnessed(f *verify.Bundle) Section {
	s := Section{Question: "Who else has seen it?", Word: "nobody", Level: Doubt,
		Says: "Nothing in this file shows that others saw the log. Whoever holds the key could have rewritten it, or cut off its end."}
	seen := f.Seen()
	for i, x := range seen {
		what := text.Count(x.Records, "record") + ": " + seenBy(x)
		if x.Carried {
			what += "; that these count is the word of this file alone"
		}
		s.Lines = append(s.Lines, what)
		switch {
		case !x.Carried && s.Level != Good:
			s.Word, s.Level, s.Says = "others", Good, "Those whom you name have seen the log."
		case s.Level != Good && i == 0:
			s.Word, s.Says = "this file says so", "This file says who saw the log. Whether they did, and count, is its word alone: drop a policy or heads that you got from elsewhere below."
		}
	}
	if f.Log == nil || f.Bundle != bundle.Log {
		return s
	}
	c := f.Log.Completeness
	for _, h := range c.Against {
		if h.Tampered() {
			s.Word, s.Level, s.Says = "contradicted", Bad, "Others saw another log, or a longer one."
			for _, m := range h.MismatchedHeads {
				s.Lines = append(s.Lines, fmt.Sprintf("%s: at %s the log ended at byte %s of %s, and %s", h.By, m.At, text.Grouped(m.End), m.File, m.Why))
			}
		} else if h.Records > 0 && h.After > 0 {
			s.Lines = append(s.Lines, fmt.Sprintf("%s after the newest of %s", text.Count(h.After, "record"), h.By))
		}
	}
	for _, k := range c.Expected {
		s.Lines = append(s.Lines, fmt.Sprintf("%s: %s of %s in the log", k.By, text.Grouped(k.Looked-k.Absent), text.Count(k.Looked, "kept record")))
		if k.Absent > k.Accepted {
			s.Word, s.Level, s.Says = "contradicted", Bad, "Others kept records that are not in this log."
		}
	}
	a := c.Anchored
	if a == nil {
		return s
	}
	switch a.State {
	case "witnessed":
		if a.Unanchored > 0 {
			s.Lines = append(s.Lines, text.Count(a.Unanchored, "newer record")+": not seen by witnesses")
		}
	case "contradicted":
		s.Word, s.Level, s.Says = "contradicted", Bad, "Others saw another log, or a longer one."
	case "unwitnessed":
		s.Lines = append(s.Lines, fmt.Sprintf("the log's own key has signed its first %s, and no quorum of witnesses has", text.Count(a.Signed, "record")))
	}
	for _, x := range a.Contradictions {
		s.Lines = append(s.Lines, fmt.Sprintf("%s: %s saw %s, and %s here", x.Kind, x.By, text.Count(x.Size, "record"), text.Grouped(x.Records)))
	}
	s.Lines = append(s.Lines, a.Lacking...)
	return s
}

// limits are what no finding here establishes.
func limits(f *verify.Bundle, trust string) []string {
	all := []string{
		"These verdicts were computed in your browser, from the records in this file, by the program in this file. Who made the file could have changed that program. To be sure, check with a signet-wrap of your own: the command is below. Time stamps of an authority are checked by that command alone.",
	}
	if trust == "" {
		all = append(all, "Names of keys are the word of who made this file. A trust file that you got from elsewhere settles who signed: drop it below.")
	}
	if alone, _ := others(f); alone {
		all = append(all, "Whether the newest records had been cut off, or all was rewritten with the same key, cannot be seen here. Ask for what others have kept of the log: heads in a system's log, or the policy that names its witnesses.")
	}
	if f.Bundle != bundle.Log {
		all = append(all, "That the log had "+text.Count(f.Size, "record")+" when this file was made is the word of who signed it.")
	}
	return append(all, "The log shows which calls went to the servers through signet-wrap, whether they succeeded, and a hash of each response. What the agent did in other ways is not in it. Times are those of the machine's clock.")
}

// clip bounds what is repeated of a record.
func clip(s string) string { return text.Clip(s, maxName) }
