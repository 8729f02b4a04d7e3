package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/page"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

func (c *command) verifyChain(u *ucli.Context) error {
	// It need not be there: the system's log may know that it was.
	p, err := c.logPlace(u)
	if err != nil {
		return err
	}
	f, ring, err := c.checkChain(u, p)
	if f == nil {
		return err
	}
	switch {
	case err == nil && f.Empty():
		if p.home != "" {
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
	} else if u.Bool("remember") {
		if err := c.remember(u, f); err != nil {
			return err
		}
	}
	return exitOf(f.Verdict)
}

// checkChain verifies the log at p, as the command line says. With a finding, the error
// says why it is not of the whole log.
func (c *command) checkChain(u *ucli.Context, p logPlace) (*verify.Log, keyring, error) {
	ring, err := c.keyringOf(u, p.home, nil)
	if err == nil {
		err = c.trust(u, p, &ring)
	}
	if err != nil {
		return nil, ring, err
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("verifying")
	f, err := c.checkLog(ctx, u, p, ring, bar.show, nil)
	bar.clear()
	return f, ring, err
}

// checkLog is checkChain with keys that are known already.
func (c *command) checkLog(ctx context.Context, u *ucli.Context, p logPlace, ring keyring, progress func(records, bytes, total int64), read page.Reading) (*verify.Log, error) {
	accept, err := c.accepted(u)
	if err != nil {
		return nil, err
	}
	anchors, err := c.anchors(ctx, u, p.home, accept)
	if err != nil {
		return nil, err
	}
	keep, _, err := c.retention()
	if err != nil {
		return nil, &failure{exitUsage, err, ""}
	}
	o := verify.Options{Retention: keep, Now: time.Now(), Anchors: anchors, Accept: accept, RequireSystem: required(u, requireSystem)}
	if err := c.addEvidence(ctx, u, p, ring, &o); err != nil {
		return nil, err
	}
	// Only now: what others have seen must not be of more than the snapshot holds.
	log, err := chain.TakeSnapshot(p.audit)
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("reading the log: %w", err), ""}
	}
	if len(p.archived) > 0 {
		log, err = log.With(p.archived...)
	}
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("reading the log: %w", err), "--log DIR is the log, and further ones are where its days were moved to"}
	}
	o.Progress = progress
	if read != nil {
		o.Visit = read(log)
	}
	return verify.CheckLog(ctx, log, ring.Keys, o)
}
