package page

import (
	"context"
	"fmt"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
)

// firstPass is the first time that the log is verified: of the records that this reads,
// the index is made.
type firstPass struct {
	s     *Server
	ctx   context.Context
	log   *chain.Snapshot // nil: it has not come to reading
	taker *history.Taker
	err   error
	whole bool // the log was read to its end
}

// begin is a Reading.
func (p *firstPass) begin(log *chain.Snapshot) func(chain.Entry, error) {
	p.log = log
	if p.taker, p.err = history.NewTaker(p.ctx, log, history.Options{Contexts: true}, p.s.put); p.err != nil {
		return nil
	}
	return p.taker.Take
}

// end is what [history.List] returns. ok: all of the log is in the index.
func (p *firstPass) end() (sum history.Summary, ok bool) {
	if p.taker == nil {
		return sum, false
	}
	sum, p.err = p.taker.End()
	return sum, p.err == nil && p.whole
}

func (s *Server) put(h *history.Row) error {
	s.index.put(h)
	return nil
}

// read completes the index, and keeps it up to date until ctx is done.
func (s *Server) read(ctx context.Context, passed <-chan *firstPass) {
	var first *firstPass
	select {
	case first = <-passed:
	case <-ctx.Done():
		return
	}
	log := first.log
	sum, ok := first.end()
	var err error
	if !ok { // the log could not be verified, but what can be read of it may be listed
		if log, err = chain.TakeSnapshot(s.o.Audit); err != nil {
			s.trouble(fmt.Errorf("reading the log: %w", err))
			s.update(func() { s.indexed = true })
			return
		}
		o := history.Options{Contexts: true, Progress: func(records, bytes, total int64) {
			s.update(func() { s.reading = progress{records, bytes, total} })
		}}
		sum, err = history.List(ctx, log, o, s.put)
	}
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
