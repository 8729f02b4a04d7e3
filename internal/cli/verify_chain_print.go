package cli

import (
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// printChain says the three verdicts to a person.
func (c *command) printChain(f *verify.Log, ring keyring) {
	fmt.Fprintf(c.Stdout, "%s\n\n", c.fold(c.summary(f), 0))
	row, verdict := c.verdictLines()
	row("log", "%s", f.Dir)
	whole := f.Completeness
	cut := whole.Verdict == "unchecked"
	if cut {
		row("", "%s were read, and what follows is of them alone", count(f.Records, "record"))
	} else {
		row("", "%s in %s", count(f.Records, "record"), count(int64(f.Files), "file"))
		if f.First != "" && f.Last != "" {
			row("", "%s", span(f.First, f.Last))
		}
	}

	i := f.Integrity
	if i.Verdict == "broken" {
		verdict("integrity", red, "broken", "damaged in %s", count(i.Damaged, "place"))
	} else {
		verdict("integrity", green, "unbroken", "no record was edited, and each follows the one before it")
	}
	if i.Unprotected > 0 {
		row("", "%s with members that no hash covers: they prove nothing", count(i.Unprotected, "record"))
	}
	if len(i.Ignored) > 0 {
		row("", "not read, for their names are not days: %s", strings.Join(i.Ignored, ", "))
	}

	printAuthenticity(verdict, row, &f.Authenticity, ring)

	switch a := f.Arguments; {
	case a == nil:
	case a.Altered > 0:
		verdict("arguments", red, "altered", "beside the log, those of %s are not what was signed", count(a.Altered, "call"))
		few(row, a.Changed)
	case a.Missing > 0:
		verdict("arguments", yellow, "missing", "beside the log, those of %s are there, and those of %s are not", count(a.Kept, "call"), count(a.Missing, "call"))
	default:
		verdict("arguments", green, "apart", "beside the log, those of %s are there, and are what was signed", count(a.Kept, "call"))
	}

	switch whole.Verdict {
	case "unchecked":
		verdict("completeness", yellow, "unchecked", "the log was not read to its end")
	case "gaps":
		verdict("completeness", yellow, "gaps", "something is missing")
	default:
		verdict("completeness", green, "no gap", "as far as the log itself can tell")
	}
	few(row, whole.Gaps)
	few(row, whole.Notes)
	if !cut {
		c.printArchivedDays(row, whole.Archived, "--chain")
		c.printAnchored(row, whole.Anchored)
		c.printOthers(row, &whole)
		row("head", "%s", f.Head)
	}

	c.printBreaks(f.Breaks, f.Damaged)
}

// verdictLines print lines of a verification: what is found, under a name or below
// the line before, and a verdict, which begins with a word in a colour.
func (c *command) verdictLines() (row func(name, format string, a ...any), verdict func(name, colour, word, format string, a ...any)) {
	const indent = 14
	row = func(name, format string, a ...any) {
		fmt.Fprintf(c.Stdout, "%-13s %s\n", name, c.fold(clean(fmt.Sprintf(format, a...)), indent))
	}
	verdict = func(name, colour, word, format string, a ...any) {
		says := c.fold(word+": "+clean(fmt.Sprintf(format, a...)), indent)
		fmt.Fprintf(c.Stdout, "%-13s %s%s\n", name, c.paint(colour, word), says[len(word):])
	}
	return row, verdict
}

// printBreaks prints the first places where something is damaged, of so many.
func (c *command) printBreaks(breaks []chain.Break, damaged int64) {
	shown := breaks[:min(len(breaks), maxShown)]
	for _, b := range shown {
		fmt.Fprintf(c.Stdout, "\n%s:%d %s: %s\n", clean(b.File), b.Line, c.paint(red, string(b.Kind)), clean(b.Detail))
		if b.Expected != nil {
			fmt.Fprintf(c.Stdout, "  expected %s\n  found    %s\n", b.Expected, b.Found)
		}
	}
	if more := damaged - int64(len(shown)); more > 0 {
		fmt.Fprintf(c.Stdout, "\nand %s more: --json lists the first hundred\n", count(more, "place"))
	}
}

// summary is the one line to take away, and the first.
func (c *command) summary(f *verify.Log) string {
	colour, rest := sentence(f)
	return c.paint(colour, string(f.Verdict)) + rest
}

// sentence is what follows the word of the verdict, and the word's colour.
func sentence(f *verify.Log) (colour, rest string) {
	checked, rest := bySystemLog(f)
	a := f.Completeness.Anchored
	witnessed := a != nil && a.State == "witnessed"
	known := "known here"
	if f.Authenticity.Verdict == "trusted" {
		known = "that are trusted"
	}
	switch {
	case witnessed:
		rest = "; as witnesses remember it up to record " + grouped(a.Records) + rest
	case a != nil && (a.State == "absent" || a.State == "unreadable"):
		rest += "; witnesses: " + a.State
	}
	switch {
	case f.Verdict == verify.Tampered && f.Damaged == 0 && f.Arguments != nil && f.Arguments.Altered > 0:
		return red, ": the arguments beside the log are not as they were written"
	case f.Verdict == verify.Tampered && f.Damaged == 0 && f.Completeness.Archived.Tampered():
		return red, ": days of the log are gone, and no event explains it, or too early" + rest
	case f.Verdict == verify.Tampered && f.Damaged == 0:
		return red, ": it is not the log that others remember" + rest
	case f.Verdict == verify.Tampered:
		return red, ": the log is not as it was written"
	case f.Verdict == verify.Unconfirmed:
		return yellow, ": nothing in the log is wrong, but not all is established" + rest
	case f.Verdict == verify.Unchecked:
		return yellow, ": the log was not read to its end"
	case !checked && !witnessed:
		return green, " by itself: the log is unbroken, and signed by keys " + known + rest
	}
	return green, ": the log is unbroken, and signed by keys " + known + rest
}

// printAuthenticity says who signed.
func printAuthenticity(verdict func(name, colour, word, format string, a ...any), row func(name, format string, a ...any), a *verify.Authenticity, ring keyring) {
	switch a.Verdict {
	case "false":
		verdict("authenticity", red, "false", "what was signed is not what is in %s", count(a.False, "record"))
	case "trusted":
		verdict("authenticity", green, "trusted", "all signatures are good, and by keys trusted by %s", ring.Trust)
	case "unconfirmed":
		verdict("authenticity", yellow, "unconfirmed", "the signatures are good, but for some it is not established who signed, or when")
	case "unknown":
		verdict("authenticity", yellow, "unconfirmed", "the signatures are good, but not all are by keys known %s", ring.from)
	default:
		verdict("authenticity", green, "known", "all signatures are good, and by keys known %s", ring.from)
	}
	var signers []string
	for _, s := range a.Signers {
		signers = append(signers, signerLine(s)+trustWords(s, ring.Trust != ""))
	}
	few(row, signers)
	if a.Unsigned > 0 {
		row("", "%s without a signature, which any program could have written", count(a.Unsigned, "event"))
	}
	few(row, a.Doubts)
	var withdrawn []string
	for _, w := range a.Withdrawn {
		withdrawn = append(withdrawn, withdrawnLine(w))
	}
	few(row, withdrawn)
}

// signerLine is a signer in the list of them.
func signerLine(s verify.Signer) string {
	names := "?"
	if len(s.Names) > 0 {
		names = strings.Join(s.Names, ", ")
	}
	text := fmt.Sprintf("%7s  %s", grouped(s.Records), names)
	if len(s.Owners) > 0 {
		text += " for " + strings.Join(s.Owners, ", ")
	}
	if s.Known {
		if s.KnownAs != names && !strings.HasPrefix(s.KnownAs, "ed25519:") {
			text += fmt.Sprintf(" (known here as %q)", s.KnownAs)
		}
		return text
	}
	if s.Pubkey == "" {
		return text + ": many other keys, NOT known"
	}
	return text + ": " + s.Pubkey + ", NOT known: the name is its own word only"
}

// maxShown is how much of a list a person is shown.
const maxShown = 10

// few prints the first few of what may be many.
func few(row func(name, format string, a ...any), all []string) {
	for i, s := range all {
		if i == maxShown {
			row("", "and more: --json lists them")
			return
		}
		row("", "%s", s)
	}
}

// span is the time from the first record to the last.
func span(first, last string) string {
	if first == last {
		return "of " + first
	}
	return first + " to " + last
}

// count is a number of things, in words.
func count(n int64, thing string) string { return text.Count(n, thing) }

// grouped is a number that a person can read.
func grouped(n int64) string { return text.Grouped(n) }
