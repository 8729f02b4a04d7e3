package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// eventLog opens the log for an event. It comes before what the event reports is
// done, since the key that signs may be missing. It is nil for another user's log.
func (c *command) eventLog(u *ucli.Context, h home.Dir) (func(event.Event) error, error) {
	if !owns(h.Audit()) {
		return nil, nil
	}
	signer, err := c.signer(u, h, c.keyOf(u, h))
	if err != nil {
		return nil, err
	}
	return func(e event.Event) error {
		return c.appendEvent(h, signer, e)
	}, nil
}

// policyOf returns a function that returns the hash of the policy of the store in force,
// zero if there is none.
func (c *command) policyOf(h home.Dir) func() event.Hash {
	return func() event.Hash {
		dir, _ := c.storeOf(h)
		hash, _ := anchor.PolicyHash(dir)
		return hash
	}
}

// logEvent writes an event with what eventLog returned.
func (c *command) logEvent(write func(event.Event) error, e event.Event) error {
	if write == nil {
		c.complain("the log belongs to another user and was only read: it has no event about this yet", `its owner's "signet-wrap anchor status --store DIR" writes the event`)
		return nil
	}
	return write(e)
}

// logOnce writes an event, unless the log has one that is the same.
func (c *command) logOnce(u *ucli.Context, h home.Dir, e event.Event, same func(event.Event) bool) error {
	if has, err := c.hasEvent(h, same); has || err != nil {
		return err
	}
	return c.logNow(u, h, e)
}

func (c *command) logNow(u *ucli.Context, h home.Dir, e event.Event) error {
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	return c.logEvent(write, e)
}

// findingEvent is the event about f.
func findingEvent(f *anchor.Finding) event.AnchorFinding {
	return event.AnchorFinding{Kind: string(f.Kind), Origin: f.Origin, Size: f.Size, By: f.By, Detail: f.Detail}
}

// isAbout returns a function that reports whether an event is about the same
// finding as e.
func isAbout(e event.AnchorFinding) func(event.Event) bool {
	return func(old event.Event) bool {
		o, ok := old.(event.AnchorFinding)
		return ok && o.Kind == e.Kind && o.Origin == e.Origin && o.Size == e.Size
	}
}

// logFinding writes an event about f, unless the log has one.
func (c *command) logFinding(u *ucli.Context, h home.Dir, f *anchor.Finding) error {
	e := findingEvent(f)
	return c.logOnce(u, h, e, isAbout(e))
}

// policyEvent is the event about the policy of s.
func policyEvent(s *anchor.Store, inHome bool) event.AnchorPolicy {
	e := event.AnchorPolicy{Origin: s.Policy.Log.Name(), VKey: s.Policy.LogKey, Policy: s.PolicyHash(), Store: "elsewhere"}
	if inHome {
		e.Store = "home"
	}
	return e
}

// hasPolicy reports whether the newest event about a policy is e.
func (c *command) hasPolicy(h home.Dir, e event.AnchorPolicy) (has bool, err error) {
	_, err = c.hasEvent(h, func(old event.Event) bool {
		newest, ok := old.(event.AnchorPolicy)
		has = ok && newest == e
		return ok
	})
	return has, err
}

// logOwed writes the events that could not be written when the log was anchored:
// by another user, or by a process without the key's passphrase. From then on the
// home names the store.
func (c *command) logOwed(u *ucli.Context, h home.Dir, s *anchor.Store, f *anchor.Finding) error {
	if _, inHome := c.store(u, h); !inHome {
		e := policyEvent(s, false)
		has, err := c.hasPolicy(h, e)
		if err == nil && !has {
			err = c.logNow(u, h, e)
		}
		if err == nil {
			err = h.SetStore(s.Dir)
		}
		if err != nil {
			return err
		}
	}
	if f != nil && f.Proven {
		return c.logFinding(u, h, f)
	}
	return nil
}

// tellOwed does the same as logOwed where it is beside the point: what fails is said.
func (c *command) tellOwed(u *ucli.Context, h home.Dir, s *anchor.Store, f *anchor.Finding) {
	if !owns(h.Audit()) {
		return
	}
	if err := c.logOwed(u, h, s, f); err != nil {
		c.complain(fmt.Sprintf("the log has no event about it: %v", err), "")
	}
}

// tellNew tells the log of a store, if its home knows none. It looks for no event, which
// would take as long as the log is: whoever knows a store learns its policy from
// wrappers and by "anchor status".
func (c *command) tellNew(u *ucli.Context, h home.Dir, s *anchor.Store) {
	dir, inHome := c.storeOf(h)
	if _, err := os.Lstat(anchor.PolicyFile(dir)); inHome && err != nil {
		c.tellOwed(u, h, s, nil)
	}
}

// tellFinding tells the log of what an anchoring has found.
func (c *command) tellFinding(u *ucli.Context, h home.Dir, f *anchor.Finding) {
	if f == nil || !f.Proven || !owns(h.Audit()) {
		return
	}
	if err := c.logFinding(u, h, f); err != nil {
		c.complain(fmt.Sprintf("the log has no event about it: %v", err), "")
	}
}

// hasEvent reports whether the log has an event for which same is true. It decides
// only whether to write the event again, so it checks no signature.
func (c *command) hasEvent(h home.Dir, same func(event.Event) bool) (bool, error) {
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return false, err
	}
	for e, err := range log.Records(c.ctx, chain.ReadOptions{Backward: true, Workers: 1}) {
		var bad *chain.LineError
		if errors.As(err, &bad) {
			continue
		}
		if err != nil {
			return false, err
		}
		if old, err := event.Decode(e.Receipt); err == nil && same(old) {
			return true, nil
		}
	}
	return false, nil
}

// owns reports whether the user who runs this owns a directory or, if it does not
// exist, the nearest one above it that does.
func owns(dir string) bool {
	for {
		st, err := os.Stat(dir)
		if err == nil {
			return durable.IsOurs(st)
		}
		if parent := filepath.Dir(dir); parent != dir && errors.Is(err, fs.ErrNotExist) {
			dir = parent
			continue
		}
		return true
	}
}
