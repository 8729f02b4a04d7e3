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
	switch {
	case f.Whole && f.NotExported == 0:
		verdict("completeness", green, "whole", "each record follows the one before it; what is before and after is not in the file")
	case f.Whole:
		verdict("completeness", yellow, "whole", "but %s not exported: they are known by their hashes only", wereRecords(f.NotExported))
	case f.Form != "" && f.RangeCount > 1 && len(f.Gaps) > 0:
		verdict("completeness", yellow, "gaps", "%s, and records between them are missing", count(f.RangeCount, "range"))
	case f.Form != "" && f.RangeCount > 1 && !f.Selected:
		verdict("completeness", green, "whole", "of %s from the beginning on; what is after is not in the file", count(f.RangeCount, "log"))
	default:
		verdict("completeness", yellow, "a selection", "records that were left out do not show; verify --chain checks a log")
	}
	if f.NotExported > 0 && !f.Whole {
		row("", "%s not exported: they are known by their hashes only", wereRecords(f.NotExported))
	}
	if f.Form != "" {
		var ranges []string
		for _, r := range f.Ranges {
			ranges = append(ranges, rangeText(r))
		}
		few(row, ranges)
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

// rangeText is a range of records, on one line.
func rangeText(r verify.Range) string {
	begins := ""
	if r.Begins {
		begins = ", from the beginning of a log"
	}
	return fmt.Sprintf("%s%s: %s to %s", count(r.Records, "record"), begins, r.First, r.Last)
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
	if f.Whole {
		return c.paint(green, "valid") + ": each record is unaltered, signed by keys known here, and follows the one before it"
	}
	return c.paint(green, "valid") + ": each receipt of this selection is unaltered, and signed by keys known here"
}
