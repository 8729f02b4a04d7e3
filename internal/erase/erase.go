// Package erase removes the arguments of calls from the files beside a log
// (chain/FORMAT.md, "Arguments apart").
//
// [Find] says which calls are meant, [Plan.Events] what the log is to say of it, and
// [Plan.Remove], after these events are on the disk, removes the arguments. Whatever
// ends it in between, nothing is gone that no event names; and Find finds what an
// event names and is still there, of the calls that are meant, so that Remove removes
// it.
package erase

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Plan is what is to be erased.
type Plan struct {
	Calls  []Call           // whose arguments are beside the log, in its order
	Logged []*sign.Verified // the first of those whose arguments are in the log itself, where they stay
	InLog  int64            // how many those are
	Absent []string         // of the IDs that were asked for, those of no call that the filter finds
	Bad    error            // the last line of the log that is no record; nil: there is none

	ids  map[history.ID]bool
	days []string
}

// A Call is one whose arguments are to be erased.
type Call struct {
	*sign.Verified
	Day   string // the day file
	Named bool   // an event says already that they are
}

// maxLogged bounds Logged.
const maxLogged = 10

// Find finds the calls that a filter asks for, of those in only, if it is not nil.
// known says whose events count.
func Find(ctx context.Context, log *chain.Snapshot, f history.Filter, only map[string]bool, known sign.Known, progress func(records, bytes, total int64)) (*Plan, error) {
	named, err := namedIn(ctx, log, known)
	if err != nil {
		return nil, err
	}
	files := log.Beside(false)
	defer files.Close()
	p := &Plan{ids: map[history.ID]bool{}}
	absent := maps.Clone(only)
	sum, err := history.List(ctx, log, history.Options{Filter: f, Progress: progress}, func(row *history.Row) error {
		if !row.IsCall() || only != nil && !only[row.Says.ID] {
			return nil
		}
		delete(absent, row.Says.ID)
		id, ok := history.ParseID(row.Says.ID)
		has := false
		if err := files.Lines(row.File, row.Says.ID, func([]byte) { has = true }); err != nil {
			return fmt.Errorf("%s: %w", chain.BesideFile(row.File), err)
		}
		switch v := row.Says; {
		case has && ok:
			p.ids[id] = true
			p.Calls = append(p.Calls, Call{brief(v), row.File, named[id]})
			if !slices.Contains(p.days, row.File) {
				p.days = append(p.days, row.File)
			}
		case v.Params != nil && string(v.Params) != "{}" || v.Apart:
			if p.InLog++; len(p.Logged) < maxLogged {
				p.Logged = append(p.Logged, brief(v))
			}
		}
		return nil
	})
	if sum.Bad != nil {
		p.Bad = sum.Bad
	}
	p.Absent = slices.Sorted(maps.Keys(absent))
	return p, err
}

// brief is what a list shows of a call, without its arguments.
func brief(v *sign.Verified) *sign.Verified {
	return &sign.Verified{ID: v.ID, Tool: v.Tool, Target: v.Target, Time: v.Time}
}

// namedIn has the calls that events name which are believed.
func namedIn(ctx context.Context, log *chain.Snapshot, known sign.Known) (map[history.ID]bool, error) {
	is := func(receipt []byte) bool { return bytes.HasSuffix(receipt, []byte(`"type":"erased","v":1}`)) }
	named := map[history.ID]bool{}
	look := func(e chain.Entry, bad *chain.LineError) ([]string, bool) {
		if bad != nil || !is(e.Receipt) {
			return nil, false
		}
		v, err := sign.Verify(e.Receipt, known)
		if err != nil || e.Check() != nil || !v.Follows(e.PrevHash) {
			return nil, false
		}
		told, ok := v.Event.(event.Erased)
		return told.Calls, ok
	}
	for calls, err := range chain.Read(ctx, log, chain.ReadOptions{Filter: is}, look) {
		if err != nil {
			return nil, err
		}
		for _, call := range calls {
			if id, ok := history.ParseID(call); ok {
				named[id] = true
			}
		}
	}
	return named, nil
}

// perEvent is how many calls an event names: an SSH agent signs 20 KB.
const perEvent = 500

// Events are what the log is to say before Remove. Calls that an event names already are
// not in them.
func (p *Plan) Events(reason string) (events []event.Event) {
	var ids []string
	for _, c := range p.Calls {
		if !c.Named {
			ids = append(ids, c.ID)
		}
	}
	for part := range slices.Chunk(ids, perEvent) {
		events = append(events, event.Erased{Calls: part, Reason: reason})
	}
	return events
}

// Remove removes the arguments from the files beside the log in dir. It returns how many
// it removed, also after an error.
func (p *Plan) Remove(dir string) (removed int64, err error) {
	for _, day := range p.days {
		n, err := chain.EraseBeside(dir, day, func(id [16]byte) bool { return p.ids[id] })
		if removed += n; err != nil {
			return removed, fmt.Errorf("erasing in %s: %w", chain.BesideFile(day), err)
		}
	}
	return removed, nil
}
