package cli

import (
	"errors"
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// tellSelection says what verifying a file of many receipts came to. interrupted
// is why it was not read to its end, if it was not.
func (c *command) tellSelection(u *ucli.Context, path string, f *verify.Selection, ring keyring, interrupted error) error {
	if u.Bool("json") {
		if err := c.printJSON(f); err != nil {
			return err
		}
	} else {
		c.printSelection(path, f, ring)
	}
	if interrupted != nil {
		if f.Interrupted {
			interrupted = errors.New("interrupted")
		}
		c.complain(fmt.Sprintf("%v, after %s: the rest of %s is not checked", interrupted, count(f.Records, "receipt"), path), "")
	}
	return exitOf(f.Verdict)
}

func (c *command) printSelection(path string, f *verify.Selection, ring keyring) {
	w := c.Stdout
	row, verdict := c.verdictLines()
	row("file", "%s", path)
	row("", "%s, each checked by itself", count(f.Records, "receipt"))
	if f.Form != "" {
		row("", "as %s gives them back%s", map[string]string{"otlp": "a collector (OTLP)", "syslog": "syslog", "json": "a store of JSON"}[f.Form], alsoBack(f))
	}
	if f.First != "" {
		row("", "%s", span(f.First, f.Last))
	}
	if f.Damaged > 0 {
		verdict("integrity", red, "broken", "damaged in %s", count(f.Damaged, "line"))
	} else {
		verdict("integrity", green, "unaltered", "each receipt is what was signed")
	}
	if f.Unprotected > 0 {
		row("", "%s with members that no hash covers: they prove nothing", count(f.Unprotected, "record"))
	}
	printAuthenticity(verdict, row, &f.Authenticity, ring)
	colour, word, rest := completenessOf(f)
	verdict("completeness", colour, word, "%s", rest)
	if f.NotExported > 0 {
		row("", "%s not exported, because of --max-body: known by their hashes only", wereRecords(f.NotExported))
	}
	if f.Completeness == verify.Whole || f.Completeness == verify.Gaps {
		few(row, rangeTexts(f))
	}
	few(row, f.Gaps)
	few(row, f.Notes)
	c.printBreaks(f.Breaks, f.Damaged)
	fmt.Fprintf(w, "\n%s\n", c.selectionSummary(f))
}

// alsoBack is what came back beside records.
func alsoBack(f *verify.Selection) string {
	also := ""
	if f.Duplicates > 0 {
		also += fmt.Sprintf("; %s of them came again", grouped(f.Duplicates))
	}
	if f.Others > 0 {
		also += "; " + count(f.Others, "line") + " of other programs"
	}
	return also
}

func wereRecords(n int64) string {
	if n == 1 {
		return "1 record was"
	}
	return count(n, "record") + " were"
}

// completenessOf says what is missing, as far as the file can tell.
func completenessOf(f *verify.Selection) (colour, word, rest string) {
	switch {
	case f.Completeness == verify.Gaps && f.MissingCount == 1:
		return yellow, "gaps", "records are missing in 1 place"
	case f.Completeness == verify.Gaps:
		return yellow, "gaps", "records are missing in " + count(f.MissingCount, "place")
	case f.Completeness == verify.Unordered:
		return yellow, "unknown", "nothing is said of what is missing"
	case f.Completeness == verify.Whole && f.RangeCount > 1:
		return green, "whole", fmt.Sprintf("%s, each from its first record on; what came after is not in the file", count(f.RangeCount, "log"))
	case f.Completeness == verify.Whole && f.RangeCount == 1 && f.Ranges[0].Begins:
		return green, "whole", "each record follows the one before it, from the first of the log on; what came after is not in the file"
	case f.Completeness == verify.Whole:
		return green, "whole", "each record follows the one before it; what is before and after is not in the file"
	case f.Form != "":
		return yellow, "a selection", "the export had a filter, by its own word: what was left out does not show"
	}
	return yellow, "a selection", "records that were left out do not show; verify --chain checks a log"
}

// rangeTexts are the ranges of records, with what is missing between them.
func rangeTexts(f *verify.Selection) (all []string) {
	missing := f.Missing
	for _, r := range f.Ranges {
		if len(missing) > 0 && missing[0].Before == r.First {
			m := missing[0]
			missing = missing[1:]
			all = append(all, fmt.Sprintf("missing: what follows %s%s, up to %s", m.After, bracketed(m.From, m.To), m.Last))
		}
		begins := ""
		if r.Begins {
			begins = ", from the first of a log on"
		}
		absent := ""
		if r.NotExported > 0 {
			absent = fmt.Sprintf(" (%s not exported)", grouped(r.NotExported))
		}
		all = append(all, fmt.Sprintf("whole: %s%s%s, %s to %s%s", count(r.Records, "record"), absent, begins, r.First, r.Last, bracketed(r.From, r.To)))
	}
	return all
}

// bracketed is a time in brackets.
func bracketed(from, to string) string {
	if from == "" || to == "" {
		return ""
	}
	return " (" + span(from, to) + ")"
}

func (c *command) selectionSummary(f *verify.Selection) string {
	switch f.Verdict {
	case verify.Tampered:
		return c.paint(red, "tampered") + ": not all is what was signed"
	case verify.Unconfirmed:
		if f.Form != "" {
			return c.paint(yellow, "unconfirmed") + ": nothing in it is wrong, but not all is established"
		}
		return c.paint(yellow, "unconfirmed") + ": nothing is wrong in this selection, but not all is established"
	case verify.Unchecked:
		return c.paint(yellow, "unchecked") + ": the file was not read to its end"
	}
	if f.Completeness == verify.Whole {
		return c.paint(green, "valid") + ": each record is unaltered, signed by keys known here, and follows the one before it"
	}
	return c.paint(green, "valid") + ": each receipt of this selection is unaltered, and signed by keys known here"
}
