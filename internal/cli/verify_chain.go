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
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()

	anchors, err := c.anchors(ctx, u, h)
	if err != nil {
		return err
	}
	// Only now: the anchors must not know of more than the snapshot holds.
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the log: %w", err), ""}
	}
	bar := c.progress("verifying")
	f, err := verify.CheckLog(ctx, log, ring.Keys, verify.Options{Now: time.Now(), Anchors: anchors, Progress: bar.show})
	bar.clear()
	switch {
	case err == nil && f.Empty():
		return &failure{exitUsage, fmt.Errorf("nothing has been logged yet in %s", h.Audit()), "--home DIR, if the log is elsewhere"}
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
