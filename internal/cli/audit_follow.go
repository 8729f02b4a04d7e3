package cli

import (
	"context"
	"fmt"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

// follow lists what is in the log, and then what is appended to it, until somebody
// interrupts it: then all is as it should be.
func (c *command) follow(ctx context.Context, log *chain.Snapshot, o history.Options, w auditOutput, h home.Dir, bar *bar) error {
	switch w := w.(type) {
	case *auditTable:
		w.live = true
		if c.coloured(c.Stdout) {
			w.paint = c.paint
		}
	case *auditRecords:
		w.begun = map[chain.Position]bool{}
	}
	sum, err := c.listLog(ctx, log, o, w, bar)
	bar.clear()
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	if sum.Rows == 0 {
		c.complain("waiting for calls in "+h.Audit()+" (Ctrl-C ends it)", "")
	}
	said := ""
	problem := func(err error) {
		if text := fmt.Sprintf("the list is not whole: %v", err); text != said { // it may come again and again
			c.complain(text, "")
			said = text
		}
	}
	if err := history.Follow(ctx, log, history.FollowOptions{Filter: o.Filter, Problem: problem, Idle: w.flush}, w.put); err != nil {
		return fmt.Errorf("following the log: %w", err)
	}
	return w.flush()
}
