package history

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// FollowOptions say what [Follow] follows. The zero value is all.
type FollowOptions struct {
	Filter
	Every time.Duration // how often the log is looked at; 0: five times a second

	// Again puts calls once more if the event that says who made them comes later still
	// than it is waited for.
	Again bool

	Problem func(error)  // called with what could not be read; nil: nothing is
	Idle    func() error // is called when all that there is has been put, and ends it with an error; nil: nothing is
}

// Bounds of what is remembered while a log is followed.
const (
	followBack = 10_000  // records before its beginning in which calls may be open
	maxOpen    = 100_000 // calls that have not ended
)

// Follow puts rows as records are appended to a log in a directory after log was taken
// of it, until ctx is done: then it returns nil. A call is put when it begins, open,
// and once more when its outcome is known. Rows that a list would have, too, are put
// once. [List] lists what was there before.
//
// The log is looked at, and not locked: a few system calls each time. The rows are
// those that [List] would put, but for this: what comes of a call that began more than
// 10,000 records before the beginning finds no call, and copies are known as such among
// the newest.
func Follow(ctx context.Context, log *chain.Snapshot, o FollowOptions, put func(*Row) error) error {
	f := &follower{l: newLister(ctx, log, Options{Filter: o.Filter, Contexts: true}), o: o, put: put,
		join: NewJoin[*Row](), waited: map[uint64]bool{}, nobody: map[uint64][]*Row{}}
	f.l.beside = log.Beside(true)
	defer f.l.beside.Close()
	if f.o.Every <= 0 {
		f.o.Every = 200 * time.Millisecond
	}
	tail, err := chain.NewTail(log)
	if err == nil {
		err = f.begin()
	}
	for ; err == nil; err = f.look(tail) {
		select {
		case <-ctx.Done():
		case <-time.After(f.o.Every):
			continue
		}
		break
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type follower struct {
	l    *lister
	o    FollowOptions
	put  func(*Row) error
	join *Join[*Row]

	queue  []*Record       // to be put, oldest first
	size   int             // bytes of it
	waited map[uint64]bool // by signer and session: their event has been waited for
	err    error           // of put

	nobody map[uint64][]*Row // by signer and session: calls that were put without a context
	nrows  int               // in nobody
}

// begin finds out what the beginning needs to know of what is before it: who made
// calls, and which of them are open.
func (f *follower) begin() error {
	if err := f.l.contextsOf(nil); err != nil {
		return err
	}
	f.l.contexts.newestFirst = false
	var open []*Row
	join, n := NewBackward(func(told) {}), 0
	for r, err := range f.l.read(chain.ReadOptions{Backward: true}) {
		if n++; err != nil || n > followBack {
			return errors.Join(err, f.reopen(open))
		}
		r.read(&f.l.verifier)
		never, isUnanswered := unansweredBy(r)
		switch {
		case isUnanswered:
			for _, c := range never.Calls {
				join.Unanswered(r.Says, c.ID, told{Record: r}, r.size()/len(never.Calls))
			}
		case !f.l.about(r) || !r.Believed():
		case IsResponse(r.Says):
			join.Response(r.Says, told{Record: r}, r.size())
		case IsWrapped(r.Says):
			said, again := join.Call(r.Says)
			if !again && !slices.ContainsFunc(said, func(s Judged[told]) bool { return s.Verdict == Counts }) {
				open = append(open, newRow(r))
			}
		}
	}
	return f.reopen(open)
}

func (f *follower) reopen(newestFirst []*Row) error {
	for _, row := range slices.Backward(newestFirst) {
		f.join.Call(row.Says, row)
	}
	return nil
}

// look puts what was appended since it looked last.
func (f *follower) look(tail *chain.Tail) error {
	old := len(f.queue)
	err := tail.Read(func(e chain.Entry, bad *chain.LineError) error {
		if bad != nil {
			f.problem(bad)
			return nil
		}
		r := newRecord(e)
		r.supply(f.l.beside)
		r.check(&f.l.verifier)
		if r.Believed() {
			f.l.contexts.take(r.Says)
		}
		f.queue = append(f.queue, r)
		if f.size += r.size(); f.size > maxHeld {
			f.next(len(f.queue))
			old = 0
		}
		return f.err
	})
	f.next(old)
	switch {
	case f.err != nil:
		return f.err
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		f.problem(err) // it may pass
	}
	if f.o.Idle != nil {
		if err := f.o.Idle(); err != nil {
			return err
		}
	}
	return f.l.ctx.Err()
}

func (f *follower) problem(err error) {
	if f.o.Problem != nil {
		f.o.Problem(err)
	}
}

// next puts what is queued. The event that names the client of a session comes shortly
// after the session's first call: for it that call waits, with all after it, until the
// next look; the first old ones have waited.
func (f *follower) next(old int) {
	for i, r := range f.queue {
		if i >= old && f.nameless(r) {
			f.queue = slices.Delete(f.queue, 0, i)
			return
		}
		f.size -= r.size()
		if f.err == nil {
			f.err = f.take(r)
		}
	}
	f.queue, f.size = f.queue[:0], 0
}

// nameless says whether a record is a call of a session of which nothing is known, and
// which has not been waited for.
func (f *follower) nameless(r *Record) bool {
	if !r.Believed() || !IsWrapped(r.Says) {
		return false
	}
	party := f.l.contexts.party(r.Says)
	if f.l.contexts.sessions[party] != nil || f.waited[party] {
		return false
	}
	if len(f.waited) >= maxContexts {
		clear(f.waited)
	}
	f.waited[party] = true
	return true
}

// take puts the rows that a record makes.
func (f *follower) take(r *Record) error {
	v := r.Says
	never, isUnanswered := unansweredBy(r)
	switch {
	case isUnanswered:
		return f.unanswered(r, never)
	case r.Believed() && isQuiet(v):
		return f.known(v)
	case !f.l.about(r), f.l.o.strange(r):
		return nil
	case r.Believed() && IsResponse(v):
		row, verdict := f.join.Response(v)
		switch {
		case verdict == Counts:
			row.Response = r
			return f.tell(row)
		case verdict == Copy, verdict == NoCall && !f.l.o.orphans():
			return nil
		}
		return f.tell(&Row{Record: r, Verdict: verdict})
	case r.Believed() && IsWrapped(v):
		row := newRow(r)
		if !f.join.Call(v, row) {
			return nil
		}
		f.bound()
		f.remember(row)
		return f.tell(row)
	case r.Believed() && IsCall(v) && !f.join.Alone(v):
		return nil
	}
	return f.tell(newRow(r))
}

// maxNobody is how many calls may wait for an event that says who made them.
const maxNobody = 1000

// remember remembers a call that is put without a context.
func (f *follower) remember(row *Row) {
	if !f.o.Again || !row.IsCall() || f.nrows >= maxNobody {
		return
	}
	if party := f.l.contexts.party(row.Says); f.l.contexts.sessions[party] == nil {
		f.nobody[party] = append(f.nobody[party], row)
		f.nrows++
	}
}

// known puts the calls again of which an event says who made them.
func (f *follower) known(v *sign.Verified) (err error) {
	if _, ok := v.Event.(event.Session); !ok {
		return nil
	}
	party := f.l.contexts.party(v)
	rows := f.nobody[party]
	delete(f.nobody, party)
	f.nrows -= len(rows)
	for _, row := range rows {
		err = errors.Join(err, f.tell(row))
	}
	return err
}

func (f *follower) unanswered(r *Record, never event.Unanswered) (err error) {
	disagrees := false
	for _, c := range never.Calls {
		switch row, verdict := f.join.Unanswered(r.Says, c.ID); verdict {
		case Counts:
			row.Unanswered = cutReason(c.Reason)
			err = errors.Join(err, f.tell(row))
		case Disagrees:
			disagrees = true
		}
	}
	if disagrees && f.l.about(r) {
		err = errors.Join(err, f.tell(&Row{Record: r, Verdict: Disagrees}))
	}
	return err
}

// bound gives up the older half of the calls that are open, if there are too many.
func (f *follower) bound() {
	if f.join.Waiting() <= maxOpen {
		return
	}
	open := slices.Collect(f.join.Calls())
	slices.SortFunc(open, func(x, y *Row) int { return x.Position().Compare(y.Position()) })
	for _, row := range open[:len(open)/2] {
		f.join.Forget(row.Says)
	}
}

// tell puts a row, if what came of it is asked for. It stays ours: it may be put again.
func (f *follower) tell(row *Row) error {
	if !f.l.o.ended(row) {
		return nil
	}
	out := *row
	if row.Believed() {
		out.Context = f.l.contexts.of(row.Says)
	}
	return f.put(&out)
}
