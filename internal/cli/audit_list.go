package cli

import (
	"context"
	"iter"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// auditSink takes what a list is of, in order.
type auditSink interface {
	put(d *deed) error
	flush() error
	records() bool // it wants each record by itself, not calls with their answers
}

// lister puts what a filter lets pass, of a log as it is at one moment, into a
// sink.
type lister struct {
	ctx    context.Context
	log    *chain.Snapshot
	f      *auditFilter
	out    auditSink
	bar    *bar
	sieve  *sieve // nil: everything is read
	joined bool   // answers belong to their calls, as opposed to each record to itself

	n    int              // deeds that were put
	more bool             // there are others, which the limit kept out
	bad  *chain.LineError // a line that could not be read
}

// testOnlyNoSieve has lists read everything.
var testOnlyNoSieve bool

func newLister(ctx context.Context, dir string, f *auditFilter, out auditSink, bar *bar) (*lister, error) {
	log, err := chain.TakeSnapshot(dir)
	if err != nil {
		return nil, err
	}
	l := &lister{ctx: ctx, log: log, f: f, out: out, bar: bar, joined: !out.records() || f.failed || f.open}
	if !testOnlyNoSieve {
		l.sieve = newSieve(f)
	}
	return l, nil
}

func (l *lister) list() error {
	if l.f.limit > 0 {
		return l.newest()
	}
	return l.forward(chain.Place{}, nil, 0)
}

// put puts a deed that is asked for.
func (l *lister) put(d *deed) error {
	l.bar.giveWay()
	l.n++
	return l.out.put(d)
}

// forward lists from a place on. Answers that stand at the places in strangers
// belong to calls before it. The first few deeds are passed over.
func (l *lister) forward(from chain.Place, strangers map[chain.Place]bool, pass int) error {
	put := func(d *deed) error {
		if pass > 0 {
			pass--
			return nil
		}
		return l.put(d)
	}
	j := newJoiner(l.f, put)
	for s, err := range l.read(chain.ReadOptions{From: from}) {
		switch {
		case err != nil:
		case s.bad != nil:
			l.bad = s.bad
		case !l.joined:
			err = put(&deed{e: s.e, v: s.v})
		case !strangers[s.e.Place()]:
			err = j.take(s)
		}
		if err != nil {
			return err
		}
	}
	return j.end()
}

// seen is what is made of a line of the log.
type seen struct {
	e      chain.Entry
	v      *sign.Verified
	parent []byte           // instead of v: an answer that is not asked for, but its call may be, whose id this is
	bad    *chain.LineError // instead of all: the line is no record
}

// readIt reads the receipt of an answer that was left unread.
func (s *seen) readIt() {
	s.e = s.e.Keep()
	s.v, _ = sign.Read(s.e.Receipt)
}

// read yields the records that the list may be of.
func (l *lister) read(o chain.ReadOptions) iter.Seq2[seen, error] {
	o.Since, o.Progress = l.f.since, l.bar.show
	if l.sieve != nil {
		o.Sift = l.sift
	}
	return chain.Read(l.ctx, l.log, o, l.look)
}

// sift is chain.ReadOptions.Sift.
func (l *lister) sift(receipt []byte) bool {
	kind, at := ending(receipt)
	if l.joined && kind != callKind {
		return true // it may belong to a call
	}
	return l.sieve.wants(receipt, at)
}

// look reads a record, unless it is an answer that only matters if its call does.
func (l *lister) look(e chain.Entry, bad *chain.LineError) (s seen, ok bool) {
	if bad != nil {
		return seen{bad: bad}, true
	}
	if l.joined && l.sieve != nil && e.Canonical {
		if kind, at := ending(e.Receipt); kind == answerKind && !l.sieve.wants(e.Receipt, at) {
			if parent := parentOf(e.Receipt); parent != nil {
				return seen{e: e, parent: parent}, true
			}
		}
	}
	if l.joined || l.f.limit > 0 {
		e = e.Keep() // it will wait
	}
	if !l.joined && l.f.all() {
		return seen{e: e}, true
	}
	v, _ := sign.Read(e.Receipt)
	return seen{e: e, v: v}, l.joined || l.f.about(&e, v)
}

// at reads the record at a place again.
func (l *lister) at(p chain.Place) (found seen, err error) {
	for s, err := range chain.Read(l.ctx, l.log, chain.ReadOptions{From: p, Workers: 1}, func(e chain.Entry, bad *chain.LineError) (seen, bool) {
		return seen{e: e, bad: bad}, true
	}) {
		if err == nil && s.bad == nil {
			s.readIt()
		}
		return s, err
	}
	return seen{}, nil
}

// newest lists the newest deeds, as many as the limit says. It finds them from
// the end of the log. As many as may be held are; of more only the place where
// they begin is kept, and they are read again from there.
func (l *lister) newest() error {
	b := newBackJoiner(l)
	enough := false
	for s, err := range l.read(chain.ReadOptions{Backward: true}) {
		switch {
		case err != nil:
		case s.bad != nil:
			l.bad = s.bad
		default:
			err = b.put(s)
		}
		if err != nil {
			return err
		}
		// One more than the limit says that there are more.
		if enough = b.n > l.f.limit || b.n == l.f.limit && !l.f.byDefault; enough {
			break
		}
	}
	if !enough {
		b.end()
	}
	l.more = b.n > l.f.limit
	if b.kept != nil {
		for _, d := range b.newest() {
			if err := l.put(d); err != nil {
				return err
			}
		}
		return nil
	}
	if !enough {
		return l.forward(chain.Place{}, nil, max(b.n-l.f.limit, 0))
	}
	strangers := map[chain.Place]bool{}
	for a := range b.answers.all() {
		strangers[a.at] = true
	}
	return l.forward(b.from, strangers, 0)
}
