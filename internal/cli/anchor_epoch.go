package cli

import (
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const anchorNewEpochHelp = `signet-wrap anchor new-epoch: begin again

USAGE
  signet-wrap anchor new-epoch --reason TEXT [--origin O] [--store DIR]

EXAMPLE
  signet-wrap anchor new-epoch --reason "restored the backup of 29 November"

FLAGS
  --reason TEXT       why, for the event in the log
  --origin O          the log's new name (default: a random one)
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs the event (default: default)
  --passphrase-file F file with the passphrase of the key
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

For a log that is not the one that was anchored. The witnesses must enroll it
again. The loss is not excused: verify still reports it.

EXIT STATUS
  0 done, 2 could not run or bad usage
`

func (c *command) anchorNewEpoch(u *ucli.Context) error {
	if u.String("reason") == "" {
		return misuse("for the event in the log", "--reason TEXT is missing")
	}
	h, s, err := c.existingStore(u)
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	old := event.NewEpoch{Origin: s.Policy.Log.Name(), Reason: u.String("reason")}
	if cp != nil {
		old.Size, old.Root = cp.Size, cp.Root.String()
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	if err := c.logEvent(write, old); err != nil {
		return err
	}
	origin := u.String("origin") // and not that of config.toml, which the former log has
	if origin == "" {
		origin = anchor.RandomOrigin()
	}
	if s, err = s.NewEpoch(origin); err != nil {
		return err
	}
	_, inHome := c.store(u, h)
	if err := c.logEvent(write, policyEvent(s, inHome)); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "the log %s begins; next: signet-wrap anchor enroll%s, for the operator of each witness\n", origin, storeArg(u))
	return nil
}
