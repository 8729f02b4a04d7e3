package cli

import (
	"errors"
	"fmt"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

func (c *command) verifyChain(u *ucli.Context) error {
	// It need not be there: the system's log may know that it was.
	p, err := c.logPlace(u)
	h := p.home
	ring, err := c.keyringOf(u, h, err)
	if err == nil {
		err = c.trust(u, p, &ring)
	}
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()

	accept, err := c.accepted(u)
	if err != nil {
		return err
	}
	anchors, err := c.anchors(ctx, u, h, accept)
	if err != nil {
		return err
	}
	o := verify.Options{Now: time.Now(), Anchors: anchors, Accept: accept, RequireSystem: required(u, requireSystem)}
	if err := c.addEvidence(ctx, u, p, ring, &o); err != nil {
		return err
	}
	// Only now: what others have seen must not be of more than the snapshot holds.
	log, err := chain.TakeSnapshot(p.audit)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the log: %w", err), ""}
	}
	bar := c.progress("verifying")
	o.Progress = bar.show
	f, err := verify.CheckLog(ctx, log, ring.Keys, o)
	bar.clear()
	switch {
	case err == nil && f.Empty():
		if h != "" {
			if _, err := c.existingHome(u); err != nil {
				return err
			}
		}
		return &failure{exitUsage, fmt.Errorf("nothing has been logged yet in %s", p.audit), "--home DIR or --log DIR, if the log is elsewhere"}
	case u.Bool("json"):
		if jerr := c.printJSON(f); jerr != nil {
			return jerr
		}
	default:
		c.printChain(f, ring)
	}
	if err != nil {
		if f.Interrupted {
			err = errors.New("interrupted")
		}
		c.complain(fmt.Sprintf("%v, after %s records: the rest of the log is not checked", err, grouped(f.Records)), "")
	}
	return exitOf(f.Verdict)
}
