package cli

import (
	"errors"
	"fmt"
	"io/fs"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

const anchorEnrollHelp = `signet-wrap anchor enroll: what a witness's operator needs, and the kit

USAGE
  signet-wrap anchor enroll [--output FILE] [--store DIR]

EXAMPLE
  signet-wrap anchor enroll --output kit.json

FLAGS
  --output FILE       write the kit to a new file
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs events (default: default)
  --passphrase-file F file with the passphrase of the key
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Prints the origin and the key, which the operator enters, and a signed
checkpoint. The kit has the policy and a checkpoint. "verify --chain --online
--kit FILE" asks the witnesses with it, even if home and store are gone. Keep
the kit where the agent cannot write. If the log is yours, and the home knows
no store, an event in the log names this one's policy, as with "anchor now".

EXIT STATUS
  0 done, 1 rollback or fork, 2 could not run or bad usage
`

func (c *command) anchorEnroll(u *ucli.Context) error {
	h, s, err := c.existingStore(u)
	if err != nil {
		return err
	}
	c.tellNew(u, h, s)
	r, err := s.Anchor(c.ctx, anchor.Options{Log: h.Audit(), Own: owns(h.Audit()), Offline: true})
	if err != nil && !errors.Is(err, fs.ErrPermission) { // a store of another user's can be read
		return err
	}
	if r != nil && r.Finding != nil {
		c.tellFinding(u, h, r.Finding)
		c.complainFinding(r.Finding)
		return status(exitFailed)
	}
	kit, err := s.Kit()
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "origin  %s\nvkey    %s\n\n%s", s.Policy.Log.Name(), s.Policy.LogKey, cp.Log)
	if path := u.String("output"); path != "" {
		if err := durable.WriteNew(path, kit, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(c.Stderr, "signet-wrap: the kit is in %s: keep it where the agent cannot write\n", path)
	}
	return nil
}
