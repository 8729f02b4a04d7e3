package cli

import (
	"errors"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
)

const anchorNowHelp = `signet-wrap anchor now: bring the store up to the log's end

USAGE
  signet-wrap anchor now [--store DIR] [--json]

EXAMPLE
  signet-wrap anchor now --home /home/ada/.signet --store /var/lib/signet-ada

FLAGS
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs events (default: default)
  --passphrase-file F file with the passphrase of the key
  --json              the findings as JSON
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Asks every witness, even if nothing is new. If the log belongs to another
user, it is only read; the events are then written by its owner's "anchor
status". If it is yours, and the home knows no store, an event in the log names
this one's policy, and the home notes where it is.

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not enough witnesses, or no time stamp
`

func (c *command) anchorNow(u *ucli.Context) error {
	h, err := c.home(u)
	if err != nil {
		return err
	}
	s, err := c.openStore(u, h)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	c.tellNew(u, h, s)
	r, err := s.Anchor(ctx, anchor.Options{Log: h.Audit(), Own: owns(h.Audit()), Due: u.Bool("due")})
	if errors.Is(err, anchor.ErrBusy) {
		return fail("try again in some seconds", err)
	}
	if err != nil {
		return err
	}
	f := anchorState(s, r.Checkpoint, r.Finding)
	f.Added = r.Added
	switch {
	case r.Skipped:
		f.Verdict = "not due" // and was not established before
	case f.Verdict == "established" && !r.Established(s.Policy):
		f.Verdict = "unconfirmed"
	}
	c.tellFinding(u, h, r.Finding)
	return c.sayAnchor(u, f)
}
