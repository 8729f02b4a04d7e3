package report

import (
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// Words say to a person what was found.
type Words struct {
	Verdict  verify.Verdict `json:"verdict"`
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

// words are those for a log that was verified. trust names the reader's trust file, ""
// for none.
func words(f *verify.Log, trust string) Words {
	w := Words{Verdict: f.Verdict, Sections: []Section{whole(f), missing(f), who(f), witnessed(f)}, Limits: limits(f, trust)}
	signers := "keys that the maker of this file names"
	if trust != "" {
		signers = "keys that your trust file names"
	}
	switch f.Verdict {
	case verify.Valid:
		w.Level, w.Says = Good, "No record was changed, none is missing as far as the log can tell, and all are signed by "+signers+"."
	case verify.Unconfirmed:
		w.Level, w.Says = Doubt, "Nothing in the log is wrong, but not all is established: see what is marked below."
	case verify.Unchecked:
		w.Level, w.Says = Doubt, "The log could not be read to its end."
	case verify.Tampered:
		w.Level, w.Says = Bad, "The log is not as it was written. Do not rely on it."
		if f.Damaged == 0 {
			w.Says = "This is not the log that others remember. Do not rely on it."
		}
	}
	return w
}

func whole(f *verify.Log) Section {
	s := Section{"Was anything changed?", "unbroken", Good, "No record was edited, and each follows the one before it: " + text.Count(f.Records, "record") + ".", nil}
	i := f.Integrity
	if i.Verdict != "unbroken" || f.Damaged > 0 {
		s.Word, s.Level = "broken", Bad
		s.Says = "The log is damaged in " + text.Count(f.Damaged, "place") + ": records were changed, removed or put in."
	}
	for _, b := range f.Breaks {
		s.Lines = append(s.Lines, fmt.Sprintf("%s, line %d: %s: %s", b.File, b.Line, b.Kind, b.Detail))
	}
	if i.Unprotected > 0 {
		s.Lines = append(s.Lines, text.Count(i.Unprotected, "record")+" with members that no hash covers: they prove nothing")
	}
	if len(i.Ignored) > 0 {
		s.Lines = append(s.Lines, "not read, for their names are not days: "+strings.Join(i.Ignored, ", "))
	}
	return s
}

func missing(f *verify.Log) Section {
	c := &f.Completeness
	s := Section{Question: "Is anything missing?", Word: c.Verdict, Level: Doubt}
	switch c.Verdict {
	case "no gap":
		s.Level, s.Says = Good, "The log itself shows no gap. It cannot show that its newest records were cut off: see who else has seen it."
	case "gaps":
		s.Says = "Something is missing, and the log says so."
	default:
		s.Says = "The log was not read to its end."
	}
	s.Lines = append(append(s.Lines, c.Gaps...), c.Notes...)
	return s
}

func who(f *verify.Log) Section {
	a := &f.Authenticity
	s := Section{Question: "Who signed?", Word: a.Verdict, Level: Doubt}
	switch a.Verdict {
	case "trusted":
		s.Level, s.Says = Good, "All signatures are good, by keys that your trust file names."
	case "known":
		s.Word, s.Says = "named", "All signatures are good, by keys that only the maker of this file names. Drop your own trust file to see whom you trust."
	case "false":
		s.Level, s.Says = Bad, "What was signed is not what is in "+text.Count(a.False, "record")+"."
	case "unknown":
		s.Says = "The signatures are good, but not all are by keys that are known."
	default:
		s.Says = "The signatures are good, but for some it is not established who signed, or when."
	}
	for _, k := range a.Signers {
		s.Lines = append(s.Lines, signer(&k))
	}
	if a.Unsigned > 0 {
		s.Lines = append(s.Lines, text.Count(a.Unsigned, "event")+" without a signature, which any program could have written")
	}
	s.Lines = append(s.Lines, a.Doubts...)
	for _, k := range a.Withdrawn {
		s.Lines = append(s.Lines, fmt.Sprintf("the key %s (%q) was %s %s; it signed %s after that", k.Pubkey, k.Name,
			strings.TrimPrefix(k.Kind, "key_"), k.Since, text.Count(k.Records, "record")))
	}
	return s
}

func signer(k *verify.Signer) string {
	if k.Pubkey == "" {
		return text.Count(k.Records, "record") + " by many other keys, not known"
	}
	s := text.Count(k.Records, "record") + " by " + quoted(k.Names)
	if len(k.Owners) > 0 {
		s += ", for " + quoted(k.Owners) + " by its own word"
	}
	switch k.Trust {
	case verify.Trusted:
		s += fmt.Sprintf(": trusted, as %q", k.KnownAs)
	case verify.Named:
		s += fmt.Sprintf(": named %q by the maker of this file", k.KnownAs)
	default:
		s += ": NOT known, the name is its own word"
	}
	s += ": " + k.Pubkey
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

func witnessed(f *verify.Log) Section {
	s := Section{Question: "Who else has seen it?", Word: "nobody", Level: Doubt,
		Says: "Nothing in this file shows that others saw the log. Who holds the key could have written it anew, or cut off its end."}
	c := &f.Completeness
	if a := c.Anchored; a != nil {
		switch a.State {
		case "witnessed":
			s.Word, s.Level = "witnesses", Good
			s.Says = fmt.Sprintf("Witnesses (%s) saw its first %s, at %s.", strings.Join(a.By, ", "), text.Count(a.Records, "record"), a.Since)
			if !a.Trusted {
				s.Level = Doubt
				s.Says += " Which witnesses count is said by the maker of this file alone."
			}
			if a.Unanchored > 0 {
				s.Lines = append(s.Lines, text.Count(a.Unanchored, "newer record")+": not seen by witnesses")
			}
		case "contradicted":
			s.Word, s.Level, s.Says = "contradicted", Bad, "Others saw another log, or a longer one."
		case "unwitnessed":
			s.Says = fmt.Sprintf("The log's own key has signed its first %s, and no witness.", text.Count(a.Signed, "record"))
		}
		if a.Stamped > 0 {
			s.Lines = append(s.Lines, fmt.Sprintf("a time-stamp authority saw %s at %s", text.Count(a.Stamped, "record"), a.StampAt))
		}
		for _, x := range a.Contradictions {
			s.Lines = append(s.Lines, fmt.Sprintf("%s: %s saw %s, and here are %s", x.Kind, x.By, text.Count(x.Size, "record"), text.Grouped(x.Records)))
		}
		s.Lines = append(s.Lines, a.Lacking...)
	}
	for _, h := range append(c.Against, c.Heads) {
		if h != nil {
			s.Lines = append(s.Lines, fmt.Sprintf("the system's log %s: %s", h.By, h.State))
		}
	}
	return s
}

// limits are what no finding here establishes.
func limits(f *verify.Log, trust string) []string {
	all := []string{
		"These verdicts were computed in your browser, from the records in this file, by the program in this file. Who made the file could have changed that program. To be sure, check with a signet-wrap of your own: the command is below.",
	}
	if trust == "" {
		all = append(all, "Names of keys are the word of who made this file. A trust file that you got from elsewhere settles who signed: drop it below.")
	}
	if a := f.Completeness.Anchored; a == nil || a.State != "witnessed" {
		all = append(all, "Whether the newest records were cut off, or all was written anew with the same key, cannot be seen here. Ask for what others have kept of the log: heads in a system's log, or checkpoints of witnesses.")
	}
	return append(all, "The log shows which calls went to the servers through signet-wrap, and what came back. What the agent did in other ways is not in it. Times are those of the machine's clock.")
}

// clip bounds what is repeated of a record.
func clip(s string) string { return text.Clip(s, maxName) }
