package page

import (
	"context"
	"fmt"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
)

// read makes the index, and keeps it up to date until ctx is done.
func (s *Server) read(ctx context.Context) {
	log, err := chain.TakeSnapshot(s.o.Audit)
	if err != nil {
		s.trouble(fmt.Errorf("reading the log: %w", err))
		s.update(func() { s.indexed = true })
		return
	}
	o := history.Options{Contexts: true, Progress: func(records, bytes, total int64) {
		s.update(func() { s.reading = progress{records, bytes, total} })
	}}
	sum, err := history.List(ctx, log, o, func(h *history.Row) error {
		s.index.put(h)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		s.trouble(fmt.Errorf("reading the log: %w", err))
	case sum.Bad != nil:
		s.trouble(fmt.Errorf("not all of the log can be read: %w", sum.Bad))
	case sum.Future != "":
		s.trouble(fmt.Errorf("%s is named for a day that is still to come: its records are listed as the newest", sum.Future))
	}
	s.update(func() { s.indexed = true })
	err = history.Follow(ctx, log, history.FollowOptions{Again: true, Problem: s.trouble}, func(h *history.Row) error {
		s.index.put(h)
		s.changed()
		return nil
	})
	if err != nil {
		s.trouble(fmt.Errorf("following the log: %w", err))
	}
}

// newest are the newest rows that a filter asks for, before the index is there.
func (s *Server) newest(ctx context.Context, f history.Filter) (*index, error) {
	log, err := chain.TakeSnapshot(s.o.Audit)
	if err != nil {
		return nil, err
	}
	x := newIndex()
	_, err = history.List(ctx, log, history.Options{Filter: f, Limit: firstRows, Contexts: true}, func(h *history.Row) error {
		x.put(h)
		return nil
	})
	return x, err
}

// firstRows is how many rows there are before the index is there.
const firstRows = 200
