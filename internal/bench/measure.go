package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// budget is how long one way may take for one load's turns, and again for its
// bursts and for its starts. A way that needs longer is measured less often: it
// is not to hold up the others.
var budget = 12 * time.Second

// A run is a way with a load: what is measured, until it fails.
type run struct {
	way     *way
	session session
	home    string
	spent   time.Duration // of the budget
	failed  error

	turns   []time.Duration // sorted in the end
	rates   []float64       // messages a second, one for each burst
	first   []time.Duration // from start to first response
	message []time.Duration // from start to the response to the first message
	memory  usage
}

// measure measures all ways with one load. All of them are open at once and
// take turns, so that whatever else the machine does falls on all of them.
func (b *bench) measure(ctx context.Context, l *load) ([]*run, error) {
	l.fill()
	dir, err := os.MkdirTemp(b.dir, "load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var runs []*run
	for i, w := range b.ways() {
		if w.most > 0 && l.size > w.most {
			continue
		}
		r := &run{way: w, home: filepath.Join(dir, fmt.Sprint(i)), memory: usage{rss: -1, peak: -1}}
		if err := os.Mkdir(r.home, 0o700); err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	defer func() {
		for _, r := range runs {
			r.close()
		}
	}()
	for _, r := range runs {
		if o := r.open(l); o != nil {
			r.session = o.session
		}
	}
	b.say("%s: turns", l.name)
	each(ctx, runs, l.rounds, func(r *run) error { return r.block(l) })
	b.say("%s: bursts", l.name)
	each(ctx, runs, l.bursts, func(r *run) error { return r.burst(l) })
	for _, r := range runs {
		if r.failed == nil && r.way.memory {
			r.memory = b.holds(r.session.pid())
		}
		r.close() // before others are started
	}
	b.say("%s: starts", l.name)
	each(ctx, runs, l.starts, func(r *run) error { return r.start(l) })
	for _, r := range runs {
		slices.Sort(r.turns)
	}
	return runs, ctx.Err()
}

// each does something with each run in turn, in so many rounds. Each round
// begins with another one, lest one always comes after the same other.
func each(ctx context.Context, runs []*run, rounds int, do func(*run) error) {
	for _, r := range runs {
		r.spent = 0
	}
	for round := range rounds {
		for i := range runs {
			r := runs[(round+i)%len(runs)]
			if ctx.Err() != nil || r.failed != nil || r.spent > budget {
				continue
			}
			began := time.Now()
			if err := do(r); err != nil {
				r.fail(err)
			}
			r.spent += time.Since(began)
		}
	}
}

func (r *run) fail(err error) {
	r.failed = err
	r.close()
}

func (r *run) close() {
	if r.session != nil {
		r.session.close()
		r.session = nil
	}
}

// open opens the way. nil: it failed.
func (r *run) open(l *load) *opened {
	o, err := r.way.open(r.way, l, r.home)
	if err != nil {
		r.fail(err)
		return nil
	}
	return o
}

// block is a round's turns.
func (r *run) block(l *load) error {
	for i := range l.block {
		began := time.Now()
		if err := r.session.turn(i); err != nil {
			return err
		}
		if took := time.Since(began); i >= l.warm {
			r.turns = append(r.turns, took)
		}
	}
	return nil
}

// burst is one burst, of at most a quarter of the budget if messages take as long as
// in turns.
func (r *run) burst(l *load) error {
	n := max(1, min(l.burst, int(budget/4/max(1, quantile(slices.Sorted(slices.Values(r.turns)), 0.5)))))
	began := time.Now()
	err := r.session.burst(n)
	switch {
	case errors.Is(err, errNone):
		return nil
	case err != nil:
		return fmt.Errorf("in a burst: %w", err)
	}
	r.rates = append(r.rates, float64(n)/time.Since(began).Seconds())
	return nil
}

// start is one start.
func (r *run) start(l *load) error {
	if r.way.alone {
		return nil
	}
	o := r.open(l)
	if o == nil {
		return r.failed
	}
	o.close()
	r.first, r.message = append(r.first, o.first), append(r.message, o.message)
	return nil
}

// holds is the memory of a process and all that it has started but its server
// and the wrapper's guard.
func (b *bench) holds(pid int) usage {
	pids, _ := family(pid, b.self)
	sum := usage{}
	for _, p := range pids {
		u := usageOf(p)
		if u.rss < 0 {
			return u
		}
		sum.rss, sum.peak = sum.rss+u.rss, sum.peak+u.peak
	}
	return sum
}

// quantile is that of sorted values by the nearest rank; 0.5 is the median, 1
// the maximum. Zero if there are none.
func quantile[T cmp.Ordered](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	rank := int(q*float64(len(sorted)) + 0.999999)
	return sorted[max(0, min(rank, len(sorted))-1)]
}

// median of values in any order. Zero if there are none.
func median[T cmp.Ordered](values []T) T {
	return quantile(slices.Sorted(slices.Values(values)), 0.5)
}

// watched runs a command, and says what it held at most, in MB; -1 if that is not known.
// It looks while the command runs: what the system says afterwards begins with what this
// program held when it started the command (getrusage(2), ru_maxrss).
func watched(cmd *exec.Cmd) (peak float64, err error) {
	if err := cmd.Start(); err != nil {
		return -1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for peak = -1; ; {
		peak = max(peak, usageOf(cmd.Process.Pid).peak)
		select {
		case err := <-ended:
			return peak, err
		case <-look.C:
		}
	}
}
