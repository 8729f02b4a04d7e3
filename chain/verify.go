package chain

import (
	"bytes"
	"context"
	"runtime"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// VerifyOptions are the options of [Verify]. The zero value,
// VerifyOptions[struct{}]{}, checks only the hashes. R is the result of Check for
// Visit.
type VerifyOptions[R any] struct {
	// Check checks one receipt, which it gets in canonical form. prev is the hash
	// of the record before it. Check is called from several goroutines at once, in
	// no order, for each record whose receipt has a canonical form. The receipt's
	// bytes are valid until Visit returns. The example of Verify has a Check that
	// uses package sign. nil: all receipts are believed without a check.
	Check func(receipt []byte, prev Hash) Checked[R]

	// Visit gets each record, with the result of Check, in order, from the goroutine
	// that called Verify. One whose receipt has no canonical form, which Check did not
	// get, is not Canonical and has no result. nil: not called.
	Visit func(e Entry, result R)

	// Record gets the end of each line that is read as a record, in order and before
	// Visit; before them those of the days that were archived. The bytes of their
	// hashes are the leaves of the log as a transparency log (package tlog). nil: not
	// called.
	Record func(RecordEnd)

	// Follows is the hash that the first record must follow, for a part of a log. The
	// zero Hash: the log begins with it.
	Follows Hash

	// Progress is called from time to time, by the goroutine that called Verify,
	// with the number of records and bytes done, and of bytes in all. nil: not
	// called.
	Progress func(records, bytes, total int64)

	// Workers is the number of goroutines that check. 0: one per core.
	Workers int
}

// Checked is the result of [VerifyOptions].Check.
type Checked[R any] struct {
	Result R // for Visit

	// Bad, if not nil, says why the receipt is not what somebody signed, which is a
	// break of kind [Forged]. Or it is [ErrDisplaced].
	Bad error

	// Believed says that a known key signed the receipt. Other records are part of
	// the chain, but what they say does not change the report.
	Believed bool
	Time     time.Time   // of the receipt; zero: none
	Event    event.Event // what an event says; nil for a receipt
}

// Verify reads a log from its first record to its last and reports what is damaged.
// Damage does not end it. The error says that the log could not be read to its end,
// or that ctx was done; then the report covers what was read.
//
// The work is done on all cores. Memory is limited to some blocks of the log and,
// if it has lines of many megabytes, a few of those.
func Verify[R any](ctx context.Context, s *Snapshot, o VerifyOptions[R]) (*Report, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	v := newVerifier(s)
	v.last, v.alt = o.Follows, o.Follows
	all := &stream[line[R]]{s: s, workers: o.Workers, progress: o.Progress, work: func(p *part[line[R]]) { checkLines(p, o.Check) }}
	ends := s.endsOf()
	if err := v.archived(ctx, o.Record); err != nil {
		return &v.report, err
	}
	err := all.run(ctx, func(p *part[line[R]]) bool {
		v.begin(p.file, p.line, p.size())
		if p.long != nil {
			v.unreadable(p.long, p.long.ended, p.off, p.size())
		}
		for i := range p.found {
			l := &p.found[i]
			v.follow(&l.checkedLine)
			if l.err == nil {
				end := RecordEnd{File: s.days[p.file], End: l.off + int64(len(l.raw)) + 1, Hash: l.record.hash}
				if sum := ends[end.File]; sum != nil {
					sum.add(end)
				}
				if o.Record != nil {
					o.Record(end)
				}
			}
			if o.Visit != nil && l.err == nil {
				o.Visit(v.entry(&l.checkedLine), l.result)
			}
		}
		return true
	})
	if err != nil {
		return &v.report, err
	}
	if err := v.checkEnds(ctx, ends); err != nil {
		return &v.report, err
	}
	return &v.report, v.finish(ctx)
}

// line is what a worker found about one line, with the result of Check.
type line[R any] struct {
	checkedLine
	result R
}

type checkedLine struct {
	number int    // in its file, from 1
	off    int64  // in its file
	raw    []byte // without the newline
	ended  bool   // by a newline
	record record
	err    error // it is not readable as a record
	sum    Hash  // what record.hash should be
	event  bool  // it has a type
	bad    error // as in Checked, like the fields below
	time   time.Time
	says   event.Event // nil unless it is believed
	belief bool
}

// checkLines is the work of a worker of [Verify].
func checkLines[R any](p *part[line[R]], check func([]byte, Hash) Checked[R]) {
	number, off := p.line, p.off
	for raw := range bytes.Lines(p.block) {
		l := line[R]{checkedLine: checkedLine{number: number, off: off}}
		number, off = number+1, off+int64(len(raw))
		if l.raw, l.ended = bytes.CutSuffix(raw, []byte{'\n'}); blank(l.raw) {
			continue // a log can have many
		}
		l.raw = trimMark(l.raw, l.off)
		l.check(check)
		if l.err == nil {
			p.records++
		}
		p.found = append(p.found, l)
	}
}

func (l *line[R]) check(check func([]byte, Hash) Checked[R]) {
	if l.record, l.err = parseRecord(l.raw); l.err != nil || l.record.refused != nil {
		return
	}
	l.sum = l.record.sum()
	l.event = l.record.isEvent()
	c := Checked[R]{Believed: true}
	if check != nil {
		c = check(l.record.receipt, l.record.prev)
	} else {
		c.Time = l.record.dayTime()
		if l.event {
			c.Event, _ = event.Decode(l.record.receipt)
		}
	}
	l.result, l.bad = c.Result, c.Bad
	if l.belief = c.Believed; l.belief {
		l.time, l.says = c.Time, c.Event
	}
}
