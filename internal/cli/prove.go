package cli

import (
	"errors"
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

const proveHelp = `signet-wrap prove: prove to a stranger that a record is in the log

USAGE
  signet-wrap prove ID [--output FILE] [--no-receipt] [--store DIR]

EXAMPLE
  signet-wrap prove 8daadfb3 --output call.tlog-proof
  signet-wrap verify call.tlog-proof --policy policy --pubkey agent.pub

FLAGS
  --output FILE  write the proof to a new file instead of stdout
  --no-receipt   leave the receipt out: the verifier must have it already
  --store DIR    where the log is anchored (default: <home>/anchor)
  --log DIR      where days were moved to by "audit archive --to" (repeatable)
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

ID is the ID of a receipt or an event, or a beginning of it that no other has.
The proof (c2sp.org/tlog-proof) has the record's place in the log, the
checkpoint that witnesses cosigned, and the receipt unless it is longer than
48,000 bytes. It has only hashes of other records.

EXIT STATUS
  0 proved, 1 not found or not anchored, 2 bad usage
`

func (c *command) proveVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "prove",
		Usage:              "prove that a record is in the log",
		CustomHelpTemplate: proveHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "output"}, &ucli.BoolFlag{Name: "no-receipt"}, &ucli.StringFlag{Name: "store"},
			&ucli.StringSliceFlag{Name: "log"}, homeFlag(),
		},
		Action: c.prove,
	}
}

func (c *command) prove(u *ucli.Context) error {
	args := c.args(u)
	if len(args) != 1 {
		return misuse("signet-wrap prove ID", "prove takes one ID (got %d)", len(args))
	}
	h, s, err := c.existingStore(u)
	if err != nil {
		return err
	}
	record, err := c.find(h.Audit(), args[0], u.StringSlice("log")...)
	if err != nil {
		return err
	}
	if !record.Believed() {
		return fail("signet-wrap verify --chain", fmt.Errorf("the record is not believed: %w", record.Err))
	}
	hash := record.RecordHash
	p, cp, stamp, err := s.Prove(hash)
	if errors.Is(err, anchor.ErrNotAnchored) {
		return fail(`"signet-wrap anchor now" anchors it`, err)
	}
	if err != nil {
		return err
	}
	if !u.Bool("no-receipt") {
		e := &tlog.Extra{PrevHash: record.PrevHash, Receipt: record.Receipt}
		if stamp != nil {
			e.Stamps = [][]byte{stamp}
		}
		if p.Extra, err = e.Format(); err != nil {
			return err
		}
		if e.RecordHash() != hash {
			return fail("signet-wrap verify --chain", errors.New("the record does not match its hash"))
		}
		if len(p.Extra) > tlog.MaxExtra {
			p.Extra = nil
			c.complain("the receipt is too long for the proof and was left out: the verifier must have it already", "")
		}
	}
	if s.Policy.HasQuorum() && !cp.Quorum {
		c.complain("not enough witnesses have cosigned the checkpoint yet", `"signet-wrap anchor now" asks them`)
	}
	if path := u.String("output"); path != "" {
		return durable.WriteNew(path, p.Format(), 0o644)
	}
	_, err = c.Stdout.Write(p.Format())
	return err
}
