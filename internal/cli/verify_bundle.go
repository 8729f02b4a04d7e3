package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// isBundle says whether a file on the disk begins like a bundle.
func isBundle(path string) bool {
	if path == "-" || !onDisk(path) {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, start := peek(f, 64)
	return bundle.Begins(start)
}

// verifyBundle verifies a bundle of "audit report".
func (c *command) verifyBundle(u *ucli.Context, path string) error {
	for _, no := range []struct{ flag, why, hint string }{
		{"online", "witnesses say how long the log is now, and a bundle has it as it was", "signet-wrap verify --chain --online, where the log is; --kit FILE goes with a bundle"},
		{"store", "the checkpoints are in the bundle", "--policy FILE says whose of them count"},
		{"remember", "--remember is for the logs of this machine", "signet-wrap verify --accept ID --remember"},
		{"hash", "--hash is for a proof", "signet-wrap verify FILE.tlog-proof --hash HASH"},
	} {
		if u.IsSet(no.flag) {
			return misuse(no.hint, "--%s does not go with a bundle: %s", no.flag, no.why)
		}
	}
	ring, err := c.bundleRing(u)
	if err != nil {
		return err
	}
	o, err := c.bundleOptions(u)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the bundle: %w", unread(err)), ""}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the bundle: %w", unread(err)), ""}
	}
	ctx, stop := c.interruptible()
	defer stop()
	b, err := bundle.Open(f, st.Size())
	if err == nil {
		if err := c.bundleEvidence(ctx, u, b, ring, o); err != nil {
			return err
		}
	}
	bar := c.progress("verifying")
	o.Progress = bar.show
	var found *verify.Bundle
	switch {
	case errors.Is(err, bundle.ErrNotBundle):
		found, err = &verify.Bundle{Verdict: verify.Tampered, Reasons: []string{err.Error()}, Signed: []verify.BundleSigner{}}, nil
	case err == nil:
		found, err = verify.CheckBundle(ctx, b, ring.Keys, *o)
	}
	bar.clear()
	if errors.Is(err, bundle.ErrVersion) {
		return &failure{exitUsage, fmt.Errorf("%s: %w", path, err), "a signet-wrap of the version that made it, or a newer one"}
	}
	if found == nil {
		return &failure{exitUsage, fmt.Errorf("reading the bundle: %w", unread(err)), ""}
	}
	if u.Bool("json") {
		if jerr := c.printJSON(found); jerr != nil {
			return jerr
		}
	} else {
		c.printBundle(found, path, ring)
	}
	if err != nil {
		if found.Interrupted {
			err = errors.New("interrupted")
		}
		c.complain(fmt.Sprintf("%v: the rest of the bundle is not checked", err), "")
	}
	return exitOf(found.Verdict)
}

// bundleOptions are what the command line says of whoever counts.
func (c *command) bundleOptions(u *ucli.Context) (*verify.BundleOptions, error) {
	accept, err := c.accepted(u)
	if err != nil {
		return nil, err
	}
	a, err := c.wanted(u, accept)
	if err != nil {
		return nil, err
	}
	keep, _, err := c.retention()
	if err != nil {
		return nil, err
	}
	o := &verify.BundleOptions{Options: verify.Options{Retention: keep, Now: time.Now(), Anchors: a, Accept: accept, RequireSystem: required(u, requireSystem)}, Require: a.Require}
	given, roots, err := c.givenPolicy(u)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.kit(u, a, &given); err != nil {
		return nil, err
	}
	if o.Policy = given; roots != nil {
		o.Stamp = func(token, message []byte) (time.Time, error) { return anchor.CheckStamp(token, message, roots) }
	}
	return o, nil
}

// bundleEvidence adds to o what those of --against have kept of the log.
func (c *command) bundleEvidence(ctx context.Context, u *ucli.Context, b *bundle.Bundle, ring keyring, o *verify.BundleOptions) error {
	if kind := b.Manifest.Kind; kind != bundle.Log {
		flags := []string{"against", "kit", "max-unanchored"}
		if kind == bundle.Selection {
			flags = append(flags, "accept")
		}
		for _, flag := range flags {
			if u.IsSet(flag) {
				return misuse("ask for the whole log: signet-wrap audit report --output FILE.zip, without filters",
					"--%s goes with a bundle of the whole log: this is a %s, and what others saw of the rest is not in it", flag, kind)
			}
		}
		if o.RequireSystem {
			return misuse("ask for the whole log: signet-wrap audit report --output FILE.zip, without filters", "--require system-log goes with a bundle of the whole log, and this is a %s", kind)
		}
	}
	return c.addAgainst(ctx, u, ring, b.Manifest.Log, &o.Options)
}

// bundleRing are the keys that who verifies knows. They need no home.
func (c *command) bundleRing(u *ucli.Context) (keyring, error) {
	h, err := c.existingHome(u)
	if err != nil {
		h = ""
	}
	var ring keyring
	if h != "" || len(u.StringSlice("pubkey")) > 0 {
		if ring, err = c.keyringOf(u, h, nil); err != nil {
			return ring, err
		}
	}
	p := logPlace{}
	if h != "" {
		p = logPlace{home: h, audit: h.Audit()}
	}
	return ring, c.trust(u, p, &ring)
}

// printBundle says to a person what came of it.
func (c *command) printBundle(f *verify.Bundle, path string, ring keyring) {
	fmt.Fprintf(c.Stdout, "%s\n\n", c.fold(c.bundleSummary(f), 0))
	row, verdict := c.verdictLines()
	row("bundle", "%s", path)
	few(row, f.Reasons)
	if f.Bundle == "" {
		return
	}
	if f.Asked != "" {
		row("asked for", "%s", f.Asked)
	}
	for i, s := range f.Signed {
		name := ""
		if i == 0 {
			name = "signed"
		}
		what := map[bool]string{false: "all files but the page", true: "the page, report.html"}[s.Page]
		who := s.KnownAs
		if s.Trust == verify.Unknown || who == "" {
			who = s.Pubkey
		}
		known := map[string]string{
			verify.Trusted: "trusted", verify.Named: "known here", verify.Carried: "named by the bundle alone", verify.Unknown: "NOT known",
		}[s.Trust]
		row(name, "by the %s (%s, %s): %s", s.Role, who, known, what)
	}
	switch {
	case f.Log != nil:
		l := f.Log
		if l.First != "" {
			row("times", "%s", span(l.First, l.Last))
		}
		if l.Integrity.Verdict == "broken" {
			verdict("integrity", red, "broken", "damaged in %s", count(l.Integrity.Damaged, "place"))
		} else {
			verdict("integrity", green, "unbroken", "no record was edited, and each follows the one before it")
		}
		printAuthenticity(verdict, row, &l.Authenticity, ring)
	case f.Selection != nil:
		s := f.Selection
		if s.First != "" {
			row("times", "%s", span(s.First, s.Last))
		}
		printAuthenticity(verdict, row, &s.Authenticity, ring)
	}
	switch f.Bundle {
	case bundle.Log:
		verdict("completeness", yellow, "up to its end", "the whole log as it was when the bundle was made; if records were cut off its end before, heads or witnesses show it")
	case bundle.Range:
		verdict("completeness", yellow, "a range", "all records from %s to %s of a log of %s; what is before and after is not shown", grouped(f.First+1), grouped(f.Last+1), grouped(f.Size))
	case bundle.Selection:
		verdict("completeness", yellow, "a selection", "%s, each in place in a log of %s; what lies between is not shown", count(f.Placed, "record"), grouped(f.Size))
	}
	switch {
	case f.Log != nil:
		few(row, f.Log.Completeness.Gaps)
		few(row, f.Log.Completeness.Notes)
		c.printArchivedDays(row, f.Log.Completeness.Archived, "FILE")
	case f.Selection != nil:
		few(row, f.Selection.Gaps)
		few(row, f.Selection.Notes)
	}
	if f.Bundle != bundle.Log {
		row("", "that the log had %s is the word of who signed the bundle", count(f.Size, "record"))
	}
	c.printBundleAnchors(row, f)
	if f.Log != nil {
		c.printOthers(row, &f.Log.Completeness)
		for _, h := range f.Log.Completeness.Against {
			if f.Verdict == verify.Unconfirmed && len(h.Lacking) > 0 {
				row("", "%s do not cover all: %s", h.By, strings.Join(h.Lacking, "; "))
			}
		}
	}
	row("log", "%s is its first record", f.LogID)
	row("head", "%s was its newest", f.Head)
	switch {
	case f.Log != nil:
		c.printBreaks(f.Log.Breaks, f.Log.Damaged)
	case f.Selection != nil:
		c.printBreaks(f.Selection.Breaks, f.Selection.Damaged)
	}
}

// printBundleAnchors says what others have seen of the records.
func (c *command) printBundleAnchors(row func(name, format string, a ...any), f *verify.Bundle) {
	if f.Log != nil && f.Log.Completeness.Anchored != nil && f.Bundle == bundle.Log {
		a := f.Log.Completeness.Anchored
		c.printAnchored(row, a)
		if !a.Trusted && (a.State == "witnessed" || a.Stamped > 0) {
			row("", "these witnesses are named by the bundle alone: --policy FILE names yours")
		}
		return
	}
	a := f.Anchored
	if a == nil {
		return
	}
	if a.Records > 0 {
		var names []string
		for _, w := range a.Witnesses {
			names = append(names, w.Name)
		}
		row("", "%s seen in place at %s, by %s", are(a.Records, "was", "were"), a.Since, strings.Join(names, ", "))
	}
	if a.Stamped > 0 {
		row("", "%s stamped at %s", are(a.Stamped, "was", "were"), a.StampAt)
	}
	if a.Policy == "bundle" && a.Records > 0 {
		row("", "these witnesses are named by the bundle alone: --policy FILE names yours")
	}
}

// bundleSummary is the one line to take away, and the first.
func (c *command) bundleSummary(f *verify.Bundle) string {
	what := "the log is unbroken"
	switch f.Bundle {
	case bundle.Range:
		what = "the range is unbroken, and in place in a log of " + grouped(f.Size)
	case bundle.Selection:
		what = count(f.Placed, "record") + ", each in place in a log of " + grouped(f.Size) + "; what lies between is not shown"
	}
	switch f.Verdict {
	case verify.Tampered:
		return c.paint(red, "tampered") + ": not all is what was written and signed"
	case verify.Unchecked:
		return c.paint(yellow, "unchecked") + ": the bundle was not read to its end"
	case verify.Unconfirmed:
		return c.paint(yellow, "unconfirmed") + ": " + what + "; nothing is wrong, but not all is established"
	}
	alone := "; nothing here shows that others saw it"
	for _, s := range f.Seen() {
		if s.Carried {
			alone = "; that others saw it is the word of its maker"
			continue
		}
		by := "a time-stamp authority"
		if !s.Stamp {
			by = strings.Join(s.By, ", ")
		}
		return fmt.Sprintf("%s: %s; %s seen by %s", c.paint(green, "valid"), what, are(s.Records, "was", "were"), clean(by))
	}
	return c.paint(green, "valid") + " by itself: " + what + alone
}
