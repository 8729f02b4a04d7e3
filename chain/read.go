package chain

import (
	"bytes"
	"context"
	"iter"
	"runtime"
	"slices"
	"time"
)

// ReadOptions say which records [Read] reads, and how. The zero value reads all of
// them, oldest first, on all cores.
type ReadOptions struct {
	Since    time.Time // day files of earlier days are not read, but for the newest; zero: all are
	From     Position  // the first line to read; must be where a line begins, and zero with Backward
	Backward bool      // newest first

	// Filter says from the bytes of a receipt whether look should get it. It is
	// called from several goroutines at once, with receipts in canonical form (RFC
	// 8785). Receipts without a canonical form always go to look. nil: all go to
	// look.
	Filter func(receipt []byte) bool

	// Progress is called from time to time, by the goroutine that runs the loop,
	// with the number of records and bytes done, and of bytes in all.
	Progress func(records, bytes, total int64)

	Workers int // number of goroutines that call look; 0: one per core
}

// Read reads a log and yields the results of look for which ok is true, in the
// order of the lines. look is called from several goroutines at once, in no order.
// For a record, bad is nil. For a line that is not a record, e has only its
// position and, unless the line is too long, Raw. The slices of e are valid until
// the loop asks for the next result. Line numbers are known only in files that are
// read from their beginning.
//
// An error ends the loop: the log could not be read, or ctx was done. Memory is
// limited to some blocks of the log, as in [Verify].
func Read[T any](ctx context.Context, s *Snapshot, o ReadOptions, look func(e Entry, bad *LineError) (t T, ok bool)) iter.Seq2[T, error] {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return func(yield func(T, error) bool) {
		l := &looker[T]{days: s.days, filter: o.Filter, look: look}
		r := &stream[T]{s: s, since: o.Since, from: o.From, backward: o.Backward, workers: o.Workers, work: l.work, progress: o.Progress}
		if o.Backward {
			r.work = func(p *part[T]) {
				l.work(p)
				slices.Reverse(p.found)
			}
		}
		err := r.run(ctx, func(p *part[T]) bool {
			for _, t := range p.found {
				if !yield(t, nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// looker is the work of a worker of [Read].
type looker[T any] struct {
	days   []string
	filter func([]byte) bool
	look   func(Entry, *LineError) (T, bool)
}

func (l *looker[T]) work(p *part[T]) {
	e := Entry{File: l.days[p.file], Line: p.line, Offset: p.off}
	if p.long != nil {
		l.found(p, e, p.long)
	}
	for line := range bytes.Lines(p.block) {
		raw := bytes.TrimSuffix(line, []byte{'\n'})
		if !blank(raw) {
			e.Raw = trimMark(raw, e.Offset)
			l.workLine(p, e)
		}
		e.Offset += int64(len(line))
		if p.line > 0 {
			e.Line++
		}
	}
}

func (l *looker[T]) workLine(p *part[T], e Entry) {
	rec, err := parseRecord(e.Raw)
	if err != nil {
		l.found(p, e, err)
		return
	}
	p.records++
	e.Receipt, e.Canonical, e.PrevHash, e.RecordHash = rec.receipt, rec.refused == nil, rec.prev, rec.hash
	if l.filter != nil && e.Canonical && !l.filter(e.Receipt) {
		return
	}
	l.found(p, e, nil)
}

func (l *looker[T]) found(p *part[T], e Entry, err error) {
	var bad *LineError
	if err != nil {
		bad = &LineError{e.File, e.Line, e.Offset, err.Error()}
	}
	if t, ok := l.look(e, bad); ok {
		p.found = append(p.found, t)
	}
}
