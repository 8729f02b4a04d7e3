package cli

import (
	ucli "github.com/urfave/cli/v2"
)

const anchorStatusHelp = `signet-wrap anchor status: what is anchored, and by whom

USAGE
  signet-wrap anchor status [--store DIR] [--json]

EXAMPLE
  signet-wrap anchor status

FLAGS
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs events (default: default)
  --passphrase-file F file with the passphrase of the key
  --json              the same as JSON
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Reads the store alone and asks nobody. Events that could not be written when
the log was anchored are written now. If the store is outside the home, the
home notes where it is.

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not enough witnesses, or no time stamp
`

func (c *command) anchorStatus(u *ucli.Context) error {
	h, s, err := c.existingStore(u)
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	f := anchorState(s, cp, s.State().Finding)
	c.tellOwed(u, h, s, f.Finding)
	return c.sayAnchor(u, f)
}
