package history

import (
	"slices"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Bounds of what is held, in rows and in bytes: while rows wait for what came of
// a call, and of what a limit asks for before it is read twice. Tests lower some.
var (
	maxRows = 10_000
	maxKept = 1_000
)

const (
	maxHeld     = 64 << 20
	maxKeptSize = 16 << 20
)

// window makes rows of records that are read oldest first: a row that is asked
// for is put when its outcome is known, in the order of the calls, and at the
// latest when too many wait after it.
type window struct {
	l       *lister
	put     func(*Row) error
	join    *Join[*Row]
	rows    []*Row // oldest first
	dropped int    // of rows, the ones that turned out not to be asked for
	held    int    // bytes of rows
	copies  int    // receipts that were left out: the log has them earlier
}

func newWindow(l *lister, put func(*Row) error) *window {
	return &window{l: l, put: put, join: NewJoin[*Row]()}
}

// take takes the next record, which is checked.
func (w *window) take(r *Record) error {
	if r.of != (ID{}) {
		if !w.join.Knows(r.of) {
			return nil
		}
		r.read(&w.l.verifier)
	}
	v := r.Says
	never, isUnanswered := unansweredBy(r)
	switch {
	case isUnanswered:
		w.unanswered(r, never)
	case !w.l.about(r), r.Believed() && isQuiet(v), w.l.o.strange(r):
	case r.Believed() && IsResponse(v):
		switch row, verdict := w.join.Response(v); verdict {
		case Counts:
			row.Response = r
			w.settle(row, r.size())
		case Copy:
			w.copies++
		default:
			if verdict != NoCall || w.l.o.orphans() {
				w.add(&Row{Record: r, Verdict: verdict})
			}
		}
	case r.Believed() && IsWrapped(v):
		if row := newRow(r); w.join.Call(v, row) {
			w.add(row)
		} else {
			w.copies++
		}
	case r.Believed() && IsCall(v) && !w.join.Alone(v):
		w.copies++
	default:
		w.add(newRow(r))
	}
	return w.advance(maxRows, maxHeld)
}

// unanswered takes an event that lists calls without a response. It is a row if
// it says that of another's call.
func (w *window) unanswered(r *Record, never event.Unanswered) {
	disagrees := false
	for _, c := range never.Calls {
		switch row, verdict := w.join.Unanswered(r.Says, c.ID); verdict {
		case Counts:
			row.Unanswered = cutReason(c.Reason)
			w.settle(row, len(row.Unanswered))
		case Disagrees:
			disagrees = true
		}
	}
	if disagrees && w.l.about(r) {
		w.add(&Row{Record: r, Verdict: Disagrees})
	}
}

func (w *window) add(row *Row) {
	w.rows = append(w.rows, row)
	w.held += row.size()
	if !row.Open() && !w.l.o.ended(row) {
		w.drop(row)
	}
}

// settle is called when what came of a call is known, and takes so many bytes.
func (w *window) settle(row *Row, size int) {
	w.held += size
	row.settled = true
	if !w.l.o.ended(row) {
		w.drop(row)
	}
}

// drop frees what a row holds that is not asked for.
func (w *window) drop(row *Row) {
	w.held -= row.size()
	*row = Row{dropped: true}
	if w.dropped++; w.dropped > maxRows+len(w.rows)/2 {
		w.rows, w.dropped = slices.DeleteFunc(w.rows, func(r *Row) bool { return r.dropped }), 0
	}
}

// end puts all that still waits.
func (w *window) end() error { return w.advance(-1, -1) }

func (w *window) advance(most, bytes int) error {
	for len(w.rows) > 0 {
		row := w.rows[0]
		if !row.dropped && row.Open() && !row.settled {
			// What a row takes itself is held anyway: a call of 40 MB may wait as well.
			if len(w.rows)-w.dropped <= most && w.held-row.size() <= bytes {
				return nil
			}
			w.join.Forget(row.Says)
		}
		w.rows[0] = nil
		w.rows = w.rows[1:]
		if row.dropped {
			w.dropped--
			continue
		}
		w.held -= row.size()
		if !w.l.o.ended(row) {
			continue
		}
		if err := w.put(row); err != nil {
			return err
		}
	}
	return nil
}
