package chain

import (
	"bytes"
	"context"
	"iter"
	"runtime"
	"slices"
	"time"
)

// ReadOptions say which records [Read] reads, and how. The zero value is all of
// them, oldest first, on all cores.
type ReadOptions struct {
	Since    time.Time // day files from before its day are not opened; zero: all are
	From     Position  // the first line to read, where one begins; not with Backward
	Backward bool      // newest first

	// Sift tells from the bytes of a receipt whether it is worth a look: if
	// not, no more is done for it. It is called from several goroutines at
	// once, with receipts in canonical form (RFC 8785); those that have none
	// are looked at. nil: all are.
	Sift func(receipt []byte) bool

	// Progress is told now and then how many records and bytes are done, of
	// how many bytes in all; from the goroutine that ranges.
	Progress func(records, bytes, total int64)

	Workers int // goroutines that look; one per core if 0
}

// Read reads a log and yields what look makes of its lines, where ok is true, in
// their order. look is called from several goroutines at once, in no order, with
// a record, or for a line that is none with an Entry that has its place and,
// unless it is too long, Raw, and bad. Its slices are good until the loop asks
// for the next one. Lines are numbered where reading begins with a file's first.
//
// An error ends the loop: the log could not be read, or ctx was done. Memory
// stays within some blocks of the log, as that of [Verify].
func Read[T any](ctx context.Context, s *Snapshot, o ReadOptions, look func(e Entry, bad *LineError) (t T, ok bool)) iter.Seq2[T, error] {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return func(yield func(T, error) bool) {
		l := &looker[T]{days: s.days, sift: o.Sift, look: look}
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

// looker is the workers' share of [Read].
type looker[T any] struct {
	days []string
	sift func([]byte) bool
	look func(Entry, *LineError) (T, bool)
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
	if l.sift != nil && e.Canonical && !l.sift(e.Receipt) {
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
