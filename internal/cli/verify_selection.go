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
	verdict("completeness", yellow, "a selection", "records that were left out do not show; verify --chain checks a log")
	few(row, f.Gaps)
	few(row, f.Notes)
	c.printBreaks(f.Breaks, f.Damaged)
	fmt.Fprintf(w, "\n%s\n", c.selectionSummary(f))
}

func (c *command) selectionSummary(f *verify.Selection) string {
	switch f.Verdict {
	case verify.Tampered:
		return c.paint(red, "tampered") + ": not all is what was signed"
	case verify.Unconfirmed:
		return c.paint(yellow, "unconfirmed") + ": nothing is wrong in this selection, but not all is established"
	case verify.Unchecked:
		return c.paint(yellow, "unchecked") + ": the file was not read to its end"
	}
	return c.paint(green, "valid") + ": each receipt of this selection is unaltered, and signed by keys known here"
}
