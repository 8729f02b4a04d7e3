package chain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// A stream is one reading of a snapshot on all cores. A reader cuts the files into
// parts, workers process the lines of each part, and the caller takes the parts in
// the order of the log. [Read] and [Verify] use it.
type stream[T any] struct {
	s        *Snapshot
	since    time.Time // as in ReadOptions
	from     Position  // as in ReadOptions
	backward bool

	workers  int
	work     func(*part[T]) // fills found and records; called by several goroutines at once
	progress func(records, bytes, total int64)

	budget *budget
	spare  sync.Pool // of *part[T]
}

// part is a block of lines in work.
type part[T any] struct {
	file  int           // index of the day file
	buf   []byte        // of blockSize
	block []byte        // in buf, except for a line that does not fit
	off   int64         // of block
	line  int           // number of the first line, from 1; 0: not known
	long  *tooLong      // instead of a block
	cost  int64         // in the budget
	done  chan struct{} // one send when the worker has done its share

	found   []T   // set by the worker
	records int64 // set by the worker
}

// lineCost is about how much memory a line takes besides its bytes: a block of
// short lines takes much more than a block.
const lineCost = 512

// size is how many bytes of the log the part has.
func (p *part[T]) size() int64 {
	if p.long != nil {
		return p.long.end - p.long.off
	}
	return int64(len(p.block))
}

// run calls take for each part until it returns false; then the error is nil. Parts
// are reused, so nothing of a part may be kept after take returns.
func (r *stream[T]) run(ctx context.Context, take func(*part[T]) (more bool)) error {
	r.budget = newBudget()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, inOrder := make(chan *part[T]), make(chan *part[T], 2*r.workers)
	var total, records, done int64
	if r.progress != nil {
		total = r.size()
	}
	var readErr error
	var reader, workers sync.WaitGroup
	reader.Go(func() {
		readErr = r.read(ctx, todo, inOrder)
		close(todo)
		close(inOrder)
	})
	for range r.workers {
		workers.Go(func() {
			for p := range todo {
				r.work(p)
				p.done <- struct{}{}
			}
		})
	}
	more := true
	for p := range inOrder {
		<-p.done
		if more {
			if more = take(p); !more {
				cancel() // and wait for the parts in work
			}
		}
		records, done = records+p.records, done+p.size()
		r.recycle(p)
		if more && r.progress != nil {
			r.progress(records, done, total)
		}
	}
	reader.Wait()
	workers.Wait()
	if !more {
		return nil
	}
	return readErr
}

func (r *stream[T]) part() *part[T] {
	if p, ok := r.spare.Get().(*part[T]); ok {
		return p
	}
	return &part[T]{buf: make([]byte, blockSize), done: make(chan struct{}, 1)}
}

func (r *stream[T]) recycle(p *part[T]) {
	r.budget.give(p.cost)
	clear(p.found) // so that the buffer keeps no pointers
	*p = part[T]{buf: p.buf, done: p.done, found: p.found[:0]}
	r.spare.Put(p)
}

// files are the indexes of the day files to read, in order. A name is not proof of
// what is in a file, and the newest may have been given an old one: that is always
// read.
func (r *stream[T]) files() []int {
	var list []int
	for i, day := range r.s.days {
		if day >= r.from.File && (r.since.IsZero() || day >= dayFile(r.since) || i == len(r.s.days)-1) {
			list = append(list, i)
		}
	}
	if r.backward {
		slices.Reverse(list)
	}
	return list
}

// size is how many bytes are to be read, as far as is known.
func (r *stream[T]) size() (total int64) {
	for _, i := range r.files() {
		total += r.s.sizeOf(i)
		if r.s.days[i] == r.from.File {
			total -= r.from.Offset
		}
	}
	return total
}

// read cuts the files into parts. It returns ctx's error when ctx is done.
func (r *stream[T]) read(ctx context.Context, todo, inOrder chan<- *part[T]) error {
	for _, i := range r.files() {
		if err := r.readFile(ctx, i, todo, inOrder); err != nil {
			return err
		}
	}
	return nil
}

func (r *stream[T]) readFile(ctx context.Context, i int, todo, inOrder chan<- *part[T]) error {
	f, size, err := r.s.open(ctx, i, r.backward)
	if err != nil {
		return err
	}
	defer f.Close()
	ahead, line := blocks{f: endable{f, ctx}, size: size}, 1
	if r.s.days[i] == r.from.File && r.from.Offset > 0 {
		ahead.off, line = r.from.Offset, 0
	}
	back := backBlocks{f: endable{f, ctx}, end: size, search: maxSearch}
	next, told := ahead.next, false // told: that the file is damaged
	if r.backward {
		next, line = back.prev, 0
		next, told = afterDamage(next, f, size), true
	}
	for {
		p := r.part()
		p.file, p.line = i, line
		p.block, p.off, err = next(p.buf)
		// A writer has removed a partial line or a record from the end: read the
		// log without them.
		for s := (*shrunk)(nil); errors.As(err, &s) && s.size < max(ahead.size, back.end); {
			ahead.size, back.end = min(ahead.size, s.size), min(back.end, s.size)
			p.block, p.off, err = next(p.buf)
		}
		if why := damage(f); err == io.EOF && why != nil && !told {
			err, told = &tooLong{off: ahead.size, end: ahead.size, ended: true, why: why}, true
			p.off = ahead.size
		}
		if err == io.EOF {
			return nil
		} else if err != nil && !errors.As(err, &p.long) {
			return err
		}
		if p.long != nil && p.long.beyond && size == unknownSize {
			p.long.end = p.long.off + maxSearch // nobody knows how much there is
		}
		lines := 1
		if p.long == nil {
			lines = bytes.Count(p.block, []byte{'\n'})
		}
		if line > 0 {
			line += lines
		}
		p.cost = int64(len(p.block)) + lineCost*int64(lines)
		r.budget.take(p.cost)
		select {
		case inOrder <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
		// The caller of run waits for p now, so a worker must get it.
		todo <- p
	}
}

// afterDamage is next for a file that is read backward: first it says what is wrong with
// its end, if it was compressed and is damaged.
func afterDamage(next func([]byte) ([]byte, int64, error), f readerAt, size int64) func([]byte) ([]byte, int64, error) {
	why := damage(f)
	return func(buf []byte) ([]byte, int64, error) {
		if why != nil {
			long := &tooLong{off: size, end: size, ended: true, why: why}
			why = nil
			return nil, size, long
		}
		return next(buf)
	}
}
