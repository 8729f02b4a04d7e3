package history

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Options say what [List] lists. The zero value is all.
type Options struct {
	Filter
	Limit int  // the newest so many calls, and the events among them; 0: all
	Count bool // with a limit: find out whether there are more

	// Contexts has List find the Context of each row. It then reads a long list
	// twice.
	Contexts bool

	// Session is told the events of sessions that are believed, before the rows, if
	// Contexts is set and there is no limit. nil: nobody.
	Session func(v *sign.Verified, e event.Session)

	// Progress is told now and then how many records and bytes are done, of
	// how many bytes in all. nil: nobody.
	Progress func(records, bytes, total int64)
}

// A Summary is what there is to say of a list.
type Summary struct {
	Rows   int              // that were put
	More   bool             // there are others, which the limit kept out; only if Count is set
	Bad    *chain.LineError // the last line that is no record; nil: there was none
	Copies int              // receipts left out: the log has them earlier

	// Future is the first day file, by name, of a day that is still to come;
	// empty if there is none. No wrapper with a right clock writes one, and
	// its records count as the newest.
	Future string
}

// List puts rows in the order of the log, as it was when log was taken: one for
// each call that is asked for, with what came of it, and one for each other
// record, but for events about calls and sessions. An error of put ends
// it.
//
// Each record that makes a row, or part of one, is verified. That takes some 20 µs
// a core, so a list of the whole log takes about as long as verifying it; what a
// filter leaves out by time, tool, signer or session takes a hundredth.
//
// With a limit, a response without its call is a row only if the list ends
// before the place where its call would be.
func List(ctx context.Context, log *chain.Snapshot, o Options, put func(*Row) error) (Summary, error) {
	l := newLister(ctx, log, o)
	defer l.beside.Close()
	l.putting(put)
	var err error
	if o.ofContext() || o.Contexts && o.Limit == 0 {
		err = l.allContexts()
	}
	switch {
	case err != nil:
	case o.Limit > 0:
		err = l.newest()
	default:
		l.eager.Store(true)
		err = l.forward(chain.Position{}, nil, 0)
	}
	return l.sum, err
}

// putting has rows put with their context.
func (l *lister) putting(put func(*Row) error) {
	l.put = func(row *Row) error {
		l.sum.Rows++
		if l.contexts != nil && row.Believed() {
			row.Context = l.contexts.of(row.Says)
		}
		return put(row)
	}
}

// Records puts each record that is asked for by itself, as it is in the log,
// whether it is to be believed or not; and not what came of calls. Its slices are
// good until put returns.
func Records(ctx context.Context, log *chain.Snapshot, o Options, put func(*chain.Entry) error) (Summary, error) {
	l := newLister(ctx, log, o)
	defer l.beside.Close()
	type line struct {
		e   chain.Entry
		bad *chain.LineError
	}
	look := func(e chain.Entry, bad *chain.LineError) (line, bool) {
		return line{e, bad}, bad != nil || o.every() || l.about(l.record(e))
	}
	if o.ofContext() {
		if err := l.allContexts(); err != nil {
			return l.sum, err
		}
	}
	for line, err := range chain.Read(ctx, log, l.readOptions(chain.ReadOptions{}), look) {
		switch {
		case err != nil:
		case line.bad != nil:
			l.sum.Bad = line.bad
		default:
			l.sum.Rows++
			err = put(&line.e)
		}
		if err != nil {
			return l.sum, err
		}
	}
	return l.sum, nil
}

// lister is one run of List or Records.
type lister struct {
	ctx    context.Context
	log    *chain.Snapshot
	o      Options
	put    func(*Row) error
	before *prefilter // nil: everything is read
	beside *chain.BesideReader
	sum    Summary

	// verifier checks records as they are read, on all cores, if eager is set;
	// else each one as it is needed. A short list needs few.
	verifier sign.Verifier
	eager    atomic.Bool

	contexts *contexts // nil: they are not asked for, or not gathered yet
}

// eagerAfter is how many records a list takes until it is no longer short.
const eagerAfter = 2000

// testOnlyReadAll has lists read everything.
var testOnlyReadAll bool

func newLister(ctx context.Context, log *chain.Snapshot, o Options) *lister {
	l := &lister{ctx: ctx, log: log, o: o, beside: log.Beside(false)}
	if !testOnlyReadAll {
		l.before = newPrefilter(&o.Filter)
	}
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) + ".jsonl"
	for _, day := range log.Days() {
		if day > tomorrow { // one day may be a clock, or its zone
			l.sum.Future = day
			break
		}
	}
	return l
}

// forward lists from a place on. Responses at the places in strangers
// belong to calls before it. Rows before the n-th that counts are passed over.
func (l *lister) forward(from chain.Position, strangers map[chain.Position]bool, n int) error {
	w := newWindow(l, func(row *Row) error {
		if row.counts() {
			n--
		}
		if n > 0 {
			return nil
		}
		return l.put(row)
	})
	for r, err := range l.read(chain.ReadOptions{From: from}) {
		if err == nil && !strangers[r.Position()] {
			err = w.take(r)
		}
		if err != nil {
			return err
		}
	}
	err := w.end()
	l.sum.Copies = w.copies
	return err
}

// newest lists the newest rows, as many as the limit says. It finds them from the
// end of the log. As many as may be held are; of more only the place where they
// begin is kept, and they are read again from there.
func (l *lister) newest() error {
	n := newNewest(l)
	enough := false
	for r, err := range l.read(chain.ReadOptions{Backward: true}) {
		if err == nil {
			err = n.take(r)
		}
		if err != nil {
			return err
		}
		if enough = n.n > l.o.Limit || n.n == l.o.Limit && !l.o.Count; enough {
			break
		}
	}
	if !enough {
		n.end()
	}
	l.sum.More = n.n > l.o.Limit
	if n.kept != nil {
		l.sum.Copies = n.copies
		rows := n.rows()
		if l.o.Contexts && l.contexts == nil && len(rows) > 0 {
			if err := l.contextsOf(rows); err != nil {
				return err
			}
		}
		for _, row := range rows {
			if err := l.put(row); err != nil {
				return err
			}
		}
		return nil
	}
	l.eager.Store(true)
	if l.o.Contexts && l.contexts == nil {
		if err := l.allContexts(); err != nil {
			return err
		}
	}
	if !enough {
		return l.forward(chain.Position{}, nil, n.n-l.o.Limit+1)
	}
	for s := range n.join.Waiting() {
		n.strangers[s.Position()] = IsResponse(s.Says)
	}
	return l.forward(n.from, n.strangers, 0)
}

// record reads a record without checking it. It takes a call's arguments from beside the
// log if the filter looks at them; else supply does later, for what is asked for.
func (l *lister) record(e chain.Entry) *Record {
	r := newRecord(e)
	if l.o.Grep != "" {
		r.supply(l.beside)
	}
	return r
}

// about says whether a record is asked for, whatever came of it.
func (l *lister) about(r *Record) bool {
	if !l.o.about(r) {
		return false
	}
	if !l.o.ofContext() {
		return true
	}
	if r.Says == nil || l.contexts == nil {
		return false
	}
	c := l.contexts.of(r.Says)
	return within(c.ClientName(), lower(l.o.Client)) && within(c.Owner, lower(l.o.Owner)) && within(c.Where(), lower(l.o.Where)) && within(c.Via, lower(l.o.Via))
}

func (l *lister) readOptions(o chain.ReadOptions) chain.ReadOptions {
	o.Since, o.Progress = l.o.Since, l.o.Progress
	if l.before != nil {
		o.Filter = l.before.pass
	}
	return o
}

// read yields the records that rows may be made of, checked.
func (l *lister) read(o chain.ReadOptions) iter.Seq2[*Record, error] {
	type line struct {
		r   *Record
		bad *chain.LineError
	}
	look := func(e chain.Entry, bad *chain.LineError) (line, bool) {
		if bad != nil {
			return line{bad: bad}, true
		}
		// It will wait.
		if !l.o.orphans() && e.Canonical {
			// Of the many responses few are to wanted calls. These are known later.
			if of := parentOf(e.Receipt); of != (ID{}) {
				return line{r: &Record{Entry: e.Keep(), of: of}}, true
			}
		}
		r := l.record(e.Keep())
		if !l.about(r) && (r.Says == nil || r.Says.Type != event.Unanswered{}.Type()) {
			return line{}, false
		}
		r.supply(l.beside)
		if l.eager.Load() {
			r.check(&l.verifier)
		}
		return line{r: r}, true
	}
	return func(yield func(*Record, error) bool) {
		seen := 0
		for line, err := range chain.Read(l.ctx, l.log, l.readOptions(o), look) {
			switch {
			case err == nil && line.bad != nil:
				l.sum.Bad = line.bad
				continue
			case err == nil && line.r.of == ID{}:
				line.r.check(&l.verifier)
			}
			if seen++; seen == eagerAfter {
				l.eager.Store(true)
			}
			if !yield(line.r, err) {
				return
			}
		}
	}
}

// A Taker makes the rows that [List] would put, of all records of a log, which somebody
// else reads and verifies: so that one pass over the log is enough for both.
type Taker struct {
	l   *lister
	w   *window
	err error
}

// NewTaker gathers the contexts of the whole log, if they are asked for. Of the options,
// there may be no filter and no limit.
func NewTaker(ctx context.Context, log *chain.Snapshot, o Options, put func(*Row) error) (*Taker, error) {
	l := newLister(ctx, log, o)
	l.putting(put)
	if o.Contexts {
		if err := l.allContexts(); err != nil {
			l.beside.Close()
			return nil, err
		}
	}
	return &Taker{l: l, w: newWindow(l, l.put)}, nil
}

// Take takes the next record of the log, and why it is not to be believed: an error of
// sign.Verify with any key, or nil. Its slices are copied.
func (t *Taker) Take(e chain.Entry, bad error) {
	if t.err != nil {
		return
	}
	r := newRecord(e.Keep())
	if !r.checked {
		r.supply(t.l.beside)
		if r.checked, r.Err = true, bad; bad == nil && r.Entry.Check() != nil {
			r.Err = ErrHash
		}
	}
	t.err = t.w.take(r)
}

// End puts what still waits. The summary has no Bad.
func (t *Taker) End() (Summary, error) {
	defer t.l.beside.Close()
	if t.err == nil {
		t.err = t.w.end()
	}
	t.l.sum.Copies = t.w.copies
	return t.l.sum, t.err
}

// At reads the record at a place, and checks it; nil if there is none.
func At(ctx context.Context, log *chain.Snapshot, p chain.Position) (*Record, error) {
	l := newLister(ctx, log, Options{})
	defer l.beside.Close()
	return l.at(p)
}

// at reads the record at a place again.
func (l *lister) at(p chain.Position) (*Record, error) {
	look := func(e chain.Entry, bad *chain.LineError) (*Record, bool) { return newRecord(e.Keep()), bad == nil }
	for r, err := range chain.Read(l.ctx, l.log, chain.ReadOptions{From: p, Workers: 1}, look) {
		if err == nil {
			r.supply(l.beside)
			r.check(&l.verifier)
		}
		return r, err
	}
	return nil, nil
}
