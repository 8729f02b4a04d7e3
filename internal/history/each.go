package history

import (
	"context"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Each puts what look makes of each record that a filter asks for, from a place on, in
// the order of the log: each by itself, and checked. look is called on all cores; the
// slices of a record are good until put returns. For a line that is no record, which only
// a filter of nothing asks for, bad is not nil and the record has its place and what
// there is of the line.
//
// The filter can only look at what is in a record: see [Filter.OfRecords].
func Each[T any](ctx context.Context, log *chain.Snapshot, f Filter, from chain.Position, look func(r *Record, bad *chain.LineError) T, put func(T) error) error {
	var verifier sign.Verifier
	var pass func([]byte) bool
	if before := newPrefilter(&f); before != nil {
		pass = before.pass
	}
	one := func(e chain.Entry, bad *chain.LineError) (t T, ok bool) {
		if bad != nil {
			if !f.every() {
				return t, false
			}
			return look(&Record{Entry: e}, bad), true
		}
		r := newRecord(e)
		if !f.about(r) {
			return t, false
		}
		r.check(&verifier)
		return look(r, nil), true
	}
	for t, err := range chain.Read(ctx, log, chain.ReadOptions{Since: f.Since, From: from, Filter: pass}, one) {
		if err == nil {
			err = put(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// OfRecords says whether the filter looks only at what is in a record, and not at what
// came of a call, who made it, or which response belongs to it.
func (f *Filter) OfRecords() bool {
	return !f.ofContext() && f.Grep == "" && len(f.Outcomes) == 0
}

// All says whether each record is asked for.
func (f *Filter) All() bool { return f.every() && len(f.Outcomes) == 0 }

// Events puts each record that the bytes of receipts suggest: o.Filter says which ones. They
// are checked, in the order of the log, and their slices good until put returns.
func Events(ctx context.Context, log *chain.Snapshot, o chain.ReadOptions, put func(*Record)) error {
	var verifier sign.Verifier
	look := func(e chain.Entry, bad *chain.LineError) (*Record, bool) {
		if bad != nil {
			return nil, false
		}
		r := newRecord(e)
		r.check(&verifier)
		return r, true
	}
	for r, err := range chain.Read(ctx, log, o, look) {
		if err != nil {
			return err
		}
		put(r)
	}
	return nil
}
