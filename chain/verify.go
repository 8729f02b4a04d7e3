package chain

import (
	"bytes"
	"context"
	"runtime"
)

// VerifyOptions are those of [Verify]. The zero value checks the chain alone.
type VerifyOptions struct {
	// Check looks at a receipt by itself, which it gets in canonical form. It is
	// called for each record whose receipt could be read, in no order, from
	// several goroutines at once. prev is the hash of the record that it
	// follows. The result goes to Visit; bad, if not nil, says why the receipt
	// is not what somebody signed, which makes a break of kind [Forged], or is
	// [ErrDisplaced]. The receipt's bytes are good until Visit returns.
	Check func(receipt []byte, prev string) (result any, bad error)

	// Visit gets each record that Check got, in order, from the goroutine that
	// called Verify.
	Visit func(e Entry, result any)

	// Progress is told now and then how many records and bytes are done, of
	// how many bytes in all; from the goroutine that called Verify.
	Progress func(records, bytes, total int64)

	// Workers is the number of goroutines that check; one per core if 0.
	Workers int
}

// Verify reads the log in the folder dir from its first record to its last, as
// it is at this moment, and reports what is wrong with it. A break does not end
// it. The error is not nil if the log could not be read to its end, or ctx was
// done first; the report is then of what was read.
//
// The work is spread over all cores; memory stays within some blocks of the log
// (and, if it has lines of many megabytes, a few of those).
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Report, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s, err := takeSnapshot(dir)
	if err != nil {
		return nil, err
	}
	v := &verifier{o: o, s: &s, told: map[string]string{}, report: Report{Files: s.days, Ignored: s.ignored, Head: genesis.String()}}
	all := &stream[line]{s: &s, workers: o.Workers, progress: o.Progress, work: func(p *part[line]) { checkLines(p, o.Check) }}
	err = all.run(ctx, func(p *part[line]) bool {
		v.take(p)
		return true
	})
	if err != nil {
		return &v.report, err
	}
	return &v.report, v.finish(ctx)
}

// line is what a worker found out about one line.
type line struct {
	number int    // in its file, from 1 on
	off    int64  // in its file
	raw    []byte // without the newline
	ended  bool   // by a newline
	record record
	prev   string // record.prev
	err    error  // it is not readable as a record
	sum    digest // what record.hash should be
	sumErr error  // the receipt has no canonical form
	event  bool
	result any // of Check
	bad    error
}

// checkLines is the workers' share of [Verify].
func checkLines(p *part[line], check func([]byte, string) (any, error)) {
	number, off := p.line, p.off
	for raw := range bytes.Lines(p.block) {
		l := line{number: number, off: off}
		number, off = number+1, off+int64(len(raw))
		if l.raw, l.ended = bytes.CutSuffix(raw, []byte{'\n'}); blank(l.raw) {
			continue // of which a log can be full
		}
		l.check(check)
		if l.err == nil {
			p.records++
		}
		p.found = append(p.found, l)
	}
}

func (l *line) check(check func([]byte, string) (any, error)) {
	if l.record, l.err = parseRecord(l.raw); l.err != nil {
		return
	}
	var receipt []byte
	if l.sum, receipt, l.sumErr = l.record.sum(); l.sumErr != nil {
		return
	}
	l.event = isEvent(receipt)
	l.prev = l.record.prev.String()
	if check != nil {
		l.result, l.bad = check(receipt, l.prev)
	}
}
