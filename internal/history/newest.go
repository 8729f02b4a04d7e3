package history

import (
	"slices"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// newest makes rows of records that are read newest first. It counts the rows
// that are asked for, and holds them while they are few.
type newest struct {
	l    *lister
	join *Backward[told]
	late recent[ID, []*Record] // responses that are not read yet, by call, newest first
	seen recent[ID, counted]   // calls

	n      int            // rows so far
	from   chain.Position // of the oldest of those that the limit takes in
	kept   []*Row         // they, newest first; nil: too many
	held   int            // bytes of records in kept
	copies int

	// What was said of calls that are older than the limit takes in.
	strangers map[chain.Position]bool
}

// counted is what is remembered of a call, should it turn out to be a copy.
type counted struct {
	rows     int            // that it is and the limit counts, 0 or 1
	response chain.Position // zero if it has none
}

// told is a response, or an entry of an unanswered event and its reason.
type told struct {
	*Record
	reason string
}

func newNewest(l *lister) *newest {
	n := &newest{l: l, kept: []*Row{}, strangers: map[chain.Position]bool{}}
	n.join = NewBackward(n.alone)
	return n
}

// take takes the next record, which is checked.
func (n *newest) take(r *Record) error {
	if (r.of != ID{}) {
		all, _ := n.late.take(r.of)
		if len(all) == maxEarly {
			all = all[:maxEarly-1]
		}
		n.late.put(r.of, append(all, r), r.size())
		return nil
	}
	v := r.Says
	never, isUnanswered := unansweredBy(r)
	switch {
	case isUnanswered:
		for _, c := range never.Calls {
			s := told{r, cutReason(c.Reason)}
			n.join.Unanswered(v, c.ID, s, r.size()/len(never.Calls)+len(s.reason))
		}
	case !n.l.about(r), r.Believed() && isQuiet(v), n.l.o.strange(r):
	case r.Believed() && IsResponse(v):
		n.join.Response(v, told{Record: r}, r.size())
	case r.Believed() && IsWrapped(v):
		return n.call(r)
	case r.Believed() && IsCall(v) && n.join.Alone(v):
		n.copied(v)
		n.add(newRow(r))
	case r.Believed() && IsCall(v):
		n.add(newRow(r))
	default:
		n.count(newRow(r))
	}
	return nil
}

// call takes a call of a wrapper, with what was said about it.
func (n *newest) call(r *Record) error {
	if id, ok := ParseID(r.Says.ID); ok {
		late, _ := n.late.take(id)
		for _, response := range late {
			if response.read(&n.l.verifier); response.Believed() && n.l.about(response) {
				n.join.Response(response.Says, told{Record: response}, response.size())
			}
		}
	}
	said, again := n.join.Call(r.Says)
	row := newRow(r)
	for _, s := range said {
		n.judge(row, s.Statement, s.Verdict)
	}
	if again {
		// What the copy took for its own was said of this one.
		if at := n.copied(r.Says); at != (chain.Position{}) {
			response, err := n.l.at(at)
			if err != nil || response == nil {
				return err
			}
			verdict := Counts
			switch {
			case row.Response != nil && row.Response.Says.ID == response.Says.ID:
				verdict = Copy
			case row.Response != nil || row.Unanswered != "":
				verdict = Further
			}
			n.judge(row, told{Record: response}, verdict)
		}
	}
	n.add(row)
	if n.n > n.l.o.Limit { // the list ends after this call
		for _, s := range said {
			if IsResponse(s.Statement.Says) {
				n.strangers[s.Statement.Position()] = true
			}
		}
	}
	return nil
}

// judge makes of a statement about a call what it is worth.
func (n *newest) judge(row *Row, s told, verdict Verdict) {
	response := IsResponse(s.Says)
	switch {
	case verdict == Counts && response:
		row.Response = s.Record
	case verdict == Counts:
		row.Unanswered = s.reason
	case verdict == Copy:
		n.copies++
	case response:
		n.count(&Row{Record: s.Record, Verdict: verdict})
	case verdict == Disagrees && !s.listed && n.l.about(s.Record):
		s.listed = true // once, whatever it says of others
		n.count(&Row{Record: s.Record, Verdict: verdict})
	}
}

// alone counts a response without its call.
func (n *newest) alone(s told) {
	if IsResponse(s.Says) && n.l.o.orphans() {
		n.count(&Row{Record: s.Record, Verdict: NoCall})
	}
}

// copied takes out the call that was taken with the id of v: it was a copy of
// this one. It returns the place of the response that it had.
func (n *newest) copied(v *sign.Verified) (response chain.Position) {
	n.copies++
	id, _ := ParseID(v.ID)
	c, _ := n.seen.take(id)
	n.n -= c.rows
	n.kept = slices.DeleteFunc(n.kept, func(row *Row) bool {
		copied := row.IsCall() && row.Says.ID == v.ID
		if copied {
			n.held -= row.size()
		}
		return copied
	})
	return c.response
}

// add counts a call.
func (n *newest) add(row *Row) {
	id, ok := ParseID(row.Says.ID)
	c := counted{rows: n.n}
	n.count(row)
	c.rows = n.n - c.rows
	if row.Response != nil && row.Response != row.Record {
		c.response = row.Response.Position()
	}
	if ok {
		n.seen.put(id, c, 0)
	}
}

// count takes a row that is complete, if it is asked for.
func (n *newest) count(row *Row) {
	o := &n.l.o
	if !o.ended(row) {
		return
	}
	if row.counts() {
		n.n++
		if at := row.Position(); n.n <= o.Limit && (n.from == chain.Position{} || at.Compare(n.from) < 0) {
			n.from = at
		}
	}
	if n.kept == nil {
		return
	}
	n.kept = append(n.kept, row)
	n.held += row.size()
	if len(n.kept) > maxKept || n.held > maxKeptSize {
		n.kept = nil
	}
}

// end counts the responses to calls that are not in the log, at its beginning.
func (n *newest) end() {
	for s := range n.join.Waiting() {
		n.alone(s)
	}
}

// rows are those that are kept, but for those past the limit, oldest first.
func (n *newest) rows() []*Row {
	slices.SortFunc(n.kept, func(x, y *Row) int { return x.Position().Compare(y.Position()) })
	return tail(n.kept, n.l.o.Limit)
}

// tail is the end of rows from the one on that the limit counts last, all if it does
// not come to that.
func tail(rows []*Row, limit int) []*Row {
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].counts() {
			limit--
		}
		if limit == 0 {
			return rows[i:]
		}
	}
	return rows
}
