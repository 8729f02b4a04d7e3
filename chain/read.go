package chain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Snapshot is a log as it was at one moment: the files and how much of the
// newest one there was. What is appended later is no part of it, so that two
// readings of one Snapshot see the same records.
type Snapshot struct{ s snapshot }

// TakeSnapshot looks at the log in the folder dir; no folder is an empty log.
// Nothing is kept open.
func TakeSnapshot(dir string) (*Snapshot, error) {
	s, err := takeSnapshot(dir)
	return &Snapshot{s}, err
}

// A Place is where a line begins. The zero Place is before all others.
type Place struct {
	File   string // name of the day file
	Offset int64  // of the line's first byte
}

// Compare orders places as the lines of a log.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Offset, q.Offset))
}

// ReadOptions say which records [Read] reads, and how. The zero value is all of
// them, oldest first, on all cores.
type ReadOptions struct {
	Since    time.Time // day files from before its day are not opened; zero: all are
	From     Place     // the first line to read, where one begins; not with Backward
	Backward bool      // newest first

	// Sift tells from the bytes of a receipt whether it is worth a look: if
	// not, no more is done for it. It is called from several goroutines at
	// once, and only for receipts in canonical form (RFC 8785); any others are
	// looked at. nil: all are.
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
// for the next one, and to save time it lacks its hashes: [Entry.Keep] gives
// both. Lines are numbered where reading begins with a file's first.
//
// An error ends the loop: the log could not be read, or ctx was done. Memory
// stays within some blocks of the log, as that of [Verify].
func Read[T any](ctx context.Context, s *Snapshot, o ReadOptions, look func(e Entry, bad *LineError) (t T, ok bool)) iter.Seq2[T, error] {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return func(yield func(T, error) bool) {
		r := &reading[T]{s: &s.s, o: o, look: look, budget: newBudget()}
		if err := r.run(ctx, func(t T) bool { return yield(t, nil) }); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// reading is one run of [Read]: a reader cuts the files into parts, workers look
// at their lines, and who ranges takes the parts in order.
type reading[T any] struct {
	s      *snapshot
	o      ReadOptions
	look   func(Entry, *LineError) (T, bool)
	budget *budget

	total         int64 // bytes that will be read
	records, done int64

	parts sync.Pool // of *part[T]
}

// part is a block of lines on its way.
type part[T any] struct {
	file  string
	buf   []byte // of blockSize
	block []byte // in buf, but for a line that does not fit
	off   int64
	line  int      // number of the first line; 0: not known
	long  *tooLong // instead of a block
	cost  int64    // to the budget

	found   []T // by the worker
	records int64
	done    chan struct{} // one send when they are there
}

// part is one to be filled.
func (r *reading[T]) part(file string, line int) *part[T] {
	p, ok := r.parts.Get().(*part[T])
	if !ok {
		p = &part[T]{buf: make([]byte, blockSize), done: make(chan struct{}, 1)}
	}
	p.file, p.line, p.long, p.records = file, line, nil, 0
	return p
}

// run stops without an error when yield says so.
func (r *reading[T]) run(ctx context.Context, yield func(T) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, inOrder := make(chan *part[T]), make(chan *part[T], 2*r.o.Workers)
	var readErr error
	var reader, workers sync.WaitGroup
	if r.o.Progress != nil {
		r.total = r.size()
	}
	reader.Go(func() {
		readErr = r.read(ctx, todo, inOrder)
		close(todo)
		close(inOrder)
	})
	for range r.o.Workers {
		workers.Go(func() {
			for p := range todo {
				r.work(p)
				p.done <- struct{}{}
			}
		})
	}
	stopped := false
	for p := range inOrder {
		<-p.done
		for i := 0; i < len(p.found) && !stopped; i++ {
			if stopped = !yield(p.found[i]); stopped {
				cancel() // and take what is on its way
			}
		}
		r.take(p, stopped)
	}
	reader.Wait()
	workers.Wait()
	if stopped {
		return nil
	}
	return readErr
}

// take counts and gives back a part.
func (r *reading[T]) take(p *part[T], stopped bool) {
	r.records += p.records
	r.done += int64(len(p.block))
	if p.long != nil {
		r.done += p.long.end - p.long.off
	}
	r.budget.give(p.cost)
	clear(p.found) // of what it points to
	p.found = p.found[:0]
	r.parts.Put(p)
	if r.o.Progress != nil && !stopped {
		r.o.Progress(r.records, r.done, r.total)
	}
}

// files are the indexes of the day files to read, in their order.
func (r *reading[T]) files() []int {
	var list []int
	for i, day := range r.s.days {
		if day >= r.o.From.File && (r.o.Since.IsZero() || day >= dayFile(r.o.Since)) {
			list = append(list, i)
		}
	}
	if r.o.Backward {
		slices.Reverse(list)
	}
	return list
}

// size is how many bytes are to be read, as far as it can be known.
func (r *reading[T]) size() (total int64) {
	for _, i := range r.files() {
		total += r.s.sizeOf(i)
		if r.s.days[i] == r.o.From.File {
			total -= r.o.From.Offset
		}
	}
	return total
}

// read cuts the files into parts. It stops with ctx's error when ctx is done.
func (r *reading[T]) read(ctx context.Context, todo, inOrder chan<- *part[T]) error {
	for _, i := range r.files() {
		if err := r.readFile(ctx, i, todo, inOrder); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading[T]) readFile(ctx context.Context, i int, todo, inOrder chan<- *part[T]) error {
	f, size, err := r.s.open(i)
	if err != nil {
		return err
	}
	defer f.Close()
	ahead, line := blocks{f: f, size: size}, 1
	if r.s.days[i] == r.o.From.File && r.o.From.Offset > 0 {
		ahead.off, line = r.o.From.Offset, 0
	}
	back := backBlocks{f: f, end: size}
	next := ahead.next
	if r.o.Backward {
		next, line = back.prev, 0
	}
	for {
		p := r.part(r.s.days[i], line)
		p.block, p.off, err = next(p.buf)
		if err == io.EOF {
			return nil
		} else if err != nil && !errors.As(err, &p.long) {
			return err
		}
		lines := bytes.Count(p.block, []byte{'\n'})
		p.cost = int64(len(p.block)) + lineCost*int64(lines)
		switch {
		case line == 0:
		case p.long != nil:
			line++
		default:
			line += lines
		}
		r.budget.take(p.cost)
		select {
		case inOrder <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
		// Who ranges waits for p now: it must be done in any case.
		todo <- p
	}
}

// work is a worker's part.
func (r *reading[T]) work(p *part[T]) {
	e := Entry{File: p.file, Line: p.line, Offset: p.off}
	if p.long != nil {
		r.found(p, e, p.long)
	}
	for line := range bytes.Lines(p.block) {
		raw := bytes.TrimSuffix(line, []byte{'\n'})
		if !blank(raw) {
			e.Raw = raw
			r.workLine(p, e)
		}
		e.Offset += int64(len(line))
		if p.line > 0 {
			e.Line++
		}
	}
	if r.o.Backward {
		slices.Reverse(p.found)
	}
}

func (r *reading[T]) workLine(p *part[T], e Entry) {
	rec, err := parseRecord(e.Raw)
	if err != nil {
		r.found(p, e, err)
		return
	}
	p.records++
	if r.o.Sift != nil && rec.canonical && !r.o.Sift(rec.receipt) {
		return
	}
	e.Receipt, e.Canonical = rec.receipt, rec.canonical
	r.found(p, e, nil)
}

func (r *reading[T]) found(p *part[T], e Entry, err error) {
	var bad *LineError
	if err != nil {
		bad = &LineError{e.File, e.Line, e.Offset, err.Error()}
	}
	if t, ok := r.look(e, bad); ok {
		p.found = append(p.found, t)
	}
}
