package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// The hashes show what was done to a log. A link that does not hold means that a
// record follows another one than the line above it. The kind depends on where that
// other one is, if anywhere:
//
//	A C D        D follows a record that is nowhere            removed
//	A X B        X does, but B follows what is before X        inserted
//	A C B D      C follows B, which comes after it             swapped
//	A B C B D    the second B is a copy                        duplicated
//	A x B        B follows A; x follows A or nothing           inserted
//
// One change breaks up to three links. The later ones are attributed to the first.

// loose is a link that does not hold.
type loose struct {
	spot
	last    Hash // what the record should follow
	prev    Hash // what it follows
	hash    Hash // the record's own hash
	after   bool // the line before is damaged, so it may have had any hash
	noticed bool // not a link: a writer noticed that the record last was gone
	at      int  // index of its break in Report.Breaks
}

// spot is a record's place.
type spot struct {
	n    int64 // number of the record in the log, from 0
	file string
	line int
}

func (s spot) String() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// explain finds the kinds of the loose links, for which it reads the log again, and
// drops those that are consequences of another one.
func (v *verifier) explain(ctx context.Context) error {
	if len(v.loose) == 0 {
		return nil
	}
	where, err := v.locate(ctx)
	if err != nil {
		return err
	}
	e := explainer{where: where, gaps: map[Hash]*Break{}, moved: map[int64]bool{}}
	for _, l := range v.loose {
		b := &v.report.Breaks[l.at]
		if b.Kind, b.Detail = e.explain(l, b); b.Kind == "" {
			v.report.Damaged--
		}
	}
	v.report.Breaks = slices.DeleteFunc(v.report.Breaks, func(b Break) bool { return b.Kind == "" })
	return nil
}

// locate finds the records that the loose links name.
func (v *verifier) locate(ctx context.Context) (map[Hash][]spot, error) {
	where := map[Hash][]spot{}
	for _, l := range v.loose {
		where[l.last], where[l.prev], where[l.hash] = nil, nil, nil
	}
	where[genesis] = []spot{{n: -1}}
	var n int64
	for e, err := range v.s.Records(ctx, ReadOptions{}) {
		var bad *LineError
		if errors.As(err, &bad) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if spots, wanted := where[e.RecordHash]; wanted && len(spots) < 4 {
			where[e.RecordHash] = append(spots, spot{n, e.File, e.Line})
		}
		n++
	}
	return where, nil
}

// explainer handles the loose links in order.
type explainer struct {
	where map[Hash][]spot
	gaps  map[Hash]*Break // breaks that a later record may close, by the hash that it must follow
	moved map[int64]bool  // records that are in another place than before
}

// explain returns the kind of a break, or "" if it is a consequence of an earlier
// one.
func (e *explainer) explain(l loose, b *Break) (Kind, string) {
	if l.noticed {
		if len(e.where[l.last]) > 0 {
			return "", "" // it was put back
		}
		return Removed, "a writer noticed here that the newest record was gone"
	}
	if gap := e.gaps[l.prev]; gap != nil {
		// This record follows the line before that break.
		delete(e.gaps, l.prev)
		switch gap.Kind {
		case Removed:
			gap.Kind = Inserted
			gap.Detail = fmt.Sprintf("the lines from here to before %v do not belong to the chain", l.spot)
		case Swapped:
			e.moved[l.n] = true
			gap.Detail += fmt.Sprintf(", and the one that was here is at %v", l.spot)
		}
		return "", ""
	}
	for _, twin := range e.where[l.hash] {
		if twin.n != l.n {
			e.gaps[l.last] = b
			return Duplicated, fmt.Sprintf("the same record is also at %v", twin)
		}
	}
	found := e.where[l.prev]
	if len(found) == 0 {
		if l.after {
			return "", ""
		}
		e.gaps[l.last] = b
		return Removed, "one or more records before this line are missing"
	}
	switch prev := found[0]; {
	case e.moved[prev.n], e.moved[l.n-1], l.after && prev.n < l.n:
		return "", ""
	case prev.n > l.n:
		e.gaps[l.last] = b
		e.moved[l.n] = true
		return Swapped, fmt.Sprintf("this record followed the one at %v", prev)
	case prev.n < 0:
		e.gaps[l.last] = b
		return Inserted, "another log begins here"
	default:
		return Inserted, fmt.Sprintf("the record follows the one at %v: the lines between were inserted, "+
			"or two programs appended at once without a common lock", prev)
	}
}
