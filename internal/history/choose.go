package history

import (
	"bytes"
	"context"
	"errors"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Chosen are records of a log, by their places.
type Chosen struct {
	at          map[chain.Position]bool
	first, last chain.Position // of a span
	span        bool
}

// Has says whether the record at a place is one of them.
func (c *Chosen) Has(p chain.Position) bool {
	if c.span {
		return c.first.Compare(p) <= 0 && p.Compare(c.last) <= 0
	}
	return c.at[p]
}

// Empty says that there are none.
func (c *Chosen) Empty() bool { return !c.span && len(c.at) == 0 }

// Span chooses all records from the first that is asked for to the last.
func Span(ctx context.Context, log *chain.Snapshot, o Options) (*Chosen, error) {
	c := &Chosen{}
	_, err := Records(ctx, log, o, func(e *chain.Entry) error {
		if c.last = e.Position(); !c.span {
			c.first, c.span = c.last, true
		}
		return nil
	})
	return c, err
}

// Choose chooses the calls that are asked for with what came of them, and the events of
// their sessions that say who, where, with which tools, and why there is no response.
func Choose(ctx context.Context, log *chain.Snapshot, o Options) (*Chosen, error) {
	c := &Chosen{at: map[chain.Position]bool{}}
	sessions := map[string]bool{}
	_, err := List(ctx, log, o, func(row *Row) error {
		c.at[row.Position()] = true
		if row.Response != nil {
			c.at[row.Response.Position()] = true
		}
		if row.Says != nil && row.Says.Session != "" {
			sessions[row.Says.Session] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.addEvents(ctx, log, sessions, o.Progress)
}

// Around chooses a record, what came of it, and the same events of its session.
func Around(ctx context.Context, log *chain.Snapshot, s *Story, progress func(records, bytes, total int64)) (*Chosen, error) {
	c := &Chosen{at: map[chain.Position]bool{s.Position(): true}}
	for _, r := range s.Responses {
		c.at[r.Statement.Position()] = true
	}
	for _, r := range s.Embedded {
		c.at[r.Position()] = true
	}
	sessions := map[string]bool{}
	if s.Says != nil && s.Says.Session != "" {
		sessions[s.Says.Session] = true
	}
	return c, c.addEvents(ctx, log, sessions, progress)
}

// addEvents adds the events of sessions.
func (c *Chosen) addEvents(ctx context.Context, log *chain.Snapshot, sessions map[string]bool, progress func(records, bytes, total int64)) error {
	types := map[string]bool{}
	for _, e := range []event.Event{event.Session{}, event.Tools{}, event.ToolDrift{}, event.CallContext{}, event.Unanswered{}} {
		types[e.Type()] = true
	}
	look := func(e chain.Entry, bad *chain.LineError) (chain.Position, bool) {
		if bad != nil {
			return chain.Position{}, false
		}
		v, err := sign.ReadUnverified(e.Receipt)
		return e.Position(), err == nil && types[v.Type] && sessions[v.Session]
	}
	for at, err := range chain.Read(ctx, log, chain.ReadOptions{Filter: mayBeEvent, Progress: progress}, look) {
		if err != nil {
			return err
		}
		c.at[at] = true
	}
	return nil
}

// mayBeEvent says whether a receipt in canonical form may be an event.
func mayBeEvent(receipt []byte) bool { return bytes.Contains(receipt, []byte(`"type":"`)) }

// WithArguments are the calls of a log that cannot be shown without their arguments:
// these are in the record, which is hashed and signed as a whole. It returns the IDs of
// the first ten, and how many there are. has says which records are looked at; nil: all.
func WithArguments(ctx context.Context, log *chain.Snapshot, has func(chain.Position) bool, progress func(records, bytes, total int64)) (ids []string, n int64, err error) {
	look := func(e chain.Entry, bad *chain.LineError) (string, bool) {
		if bad != nil || has != nil && !has(e.Position()) {
			return "", false
		}
		v, err := sign.ReadUnverified(e.Receipt)
		if err != nil {
			return "", !errors.Is(err, sign.ErrUnsigned) // nobody knows what is in it
		}
		return v.ID, v.Type == "" && len(v.Arguments()) > len("{}")
	}
	for id, err := range chain.Read(ctx, log, chain.ReadOptions{Progress: progress}, look) {
		if err != nil {
			return nil, 0, err
		}
		if n++; len(ids) < maxFound {
			ids = append(ids, id)
		}
	}
	return ids, n, nil
}
