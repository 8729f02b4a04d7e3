package chain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
)

// VerifyOptions are those of [Verify]. The zero value checks the chain alone.
type VerifyOptions struct {
	// Check looks at a receipt by itself, which it gets in canonical form. It is
	// called for each record whose receipt could be read, in no order, from
	// several goroutines at once. prev is the hash of the record that it follows. The result goes to
	// Visit; bad, if not nil, says why the receipt is not what somebody
	// signed, which makes a break of kind [Forged], or is [ErrDisplaced]. The
	// receipt's bytes are good until Visit returns.
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
	v := &verifier{o: o, s: &s, budget: newBudget(), told: map[string]string{}, report: Report{Files: s.days, Ignored: s.ignored, Head: genesis.String()}}
	var total int64
	if o.Progress != nil {
		total = s.size()
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, inOrder := make(chan *job), make(chan *job, 2*o.Workers)
	var readErr error
	var reader, workers sync.WaitGroup
	reader.Go(func() {
		readErr = v.read(ctx, todo, inOrder)
		close(todo)
		close(inOrder)
	})
	for range o.Workers {
		workers.Go(func() {
			for j := range todo {
				j.check(o.Check)
				j.done <- struct{}{}
			}
		})
	}
	for j := range inOrder {
		<-j.done
		v.take(j)
		v.budget.give(j.cost)
		clear(j.lines) // of what it points to
		jobPool.Put(j)
		if o.Progress != nil {
			o.Progress(v.report.Records, v.report.Bytes, total)
		}
	}
	reader.Wait()
	workers.Wait()
	if readErr != nil {
		return &v.report, readErr
	}
	return &v.report, v.finish(ctx)
}

// job is a block of lines on its way from the reader through a worker to the
// collector.
type job struct {
	file  int    // index of the day file
	buf   []byte // of blockSize
	block []byte // in buf, but for a line that does not fit
	off   int64
	long  *tooLong      // instead of a block
	cost  int64         // to the budget
	lines []line        // by the worker, one for each line of block
	done  chan struct{} // one send when lines are there
}

// lineCost is about what a line takes in bytes besides its own: a block of short
// lines takes much more than a block.
const lineCost = 512

var jobPool = sync.Pool{New: func() any {
	return &job{buf: make([]byte, blockSize), done: make(chan struct{}, 1)}
}}

// line is what a worker found out about one line.
type line struct {
	raw    []byte // without the newline
	ended  bool   // by a newline
	blank  bool
	record record
	prev   string // record.prev
	err    error  // it is not readable as a record
	sum    digest // what record.hash should be
	sumErr error  // the receipt has no canonical form
	event  bool
	result any // of Check
	bad    error
}

// read cuts the files into jobs. It stops with ctx's error when ctx is done.
func (v *verifier) read(ctx context.Context, todo, inOrder chan<- *job) error {
	for i := range v.s.days {
		if err := v.readFile(ctx, i, todo, inOrder); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) readFile(ctx context.Context, i int, todo, inOrder chan<- *job) error {
	f, size, err := v.s.open(i)
	if err != nil {
		return err
	}
	defer f.Close()
	b := blocks{f: f, size: size}
	for {
		j := jobPool.Get().(*job)
		j.file, j.long = i, nil
		if j.block, j.off, err = b.next(j.buf); err == io.EOF {
			return nil
		} else if err != nil && !errors.As(err, &j.long) {
			return err
		}
		j.cost = int64(len(j.block)) + lineCost*int64(bytes.Count(j.block, []byte{'\n'}))
		v.budget.take(j.cost)
		select {
		case inOrder <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
		// The collector waits for j now: it must be done in any case.
		todo <- j
	}
}

// check is a worker's part.
func (j *job) check(check func([]byte, string) (any, error)) {
	j.lines = j.lines[:0]
	for raw := range bytes.Lines(j.block) {
		var l line
		l.raw, l.ended = bytes.CutSuffix(raw, []byte{'\n'})
		if l.blank = blank(l.raw); !l.blank {
			l.check(check)
		}
		j.lines = append(j.lines, l)
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
