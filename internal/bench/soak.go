package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// soakOptions are those of a soak.
type soakOptions struct {
	length time.Duration
	rate   int    // messages a second
	home   string // the log is made below it, in .signet; "": a scratch directory
}

// What is sent in a soak: of a thousand messages so many of each kind, the rest
// are calls of 200 B. Of a message, 1.8 KB stay in the log, in the mean.
const (
	soakMiddle = 20  // calls of 10 KB
	soakLarge  = 0.1 // calls of 1 MB
	soakOther  = 150 // messages that are no calls
)

// soakInFlight is how many messages may wait for a response. More are not sent.
const soakInFlight = 500

// soak keeps one wrapper with default flags busy and says whether it grows. It
// fails with errGrew if it does, and otherwise if a response is missing.
func (b *bench) soak(ctx context.Context, o soakOptions) error {
	home := o.home
	if home == "" {
		home = filepath.Join(b.dir, "home")
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := b.need(2000 * float64(o.rate) * o.length.Seconds()); err != nil {
		return err
	}
	load := loads()
	for _, l := range load[:3] {
		l.burst, l.block = 1, 1
		l.fill()
	}
	c, err := dial(b.wrap([]string{b.self, modeEcho}), home)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.hello(); err != nil {
		return err
	}

	s := &soaker{client: c, options: o, loads: load, began: time.Now()}
	if !b.json {
		b.writeMachine(b.out, loadAverage())
		fmt.Fprintf(b.out, "one wrapper, default flags, %d messages a second for %v\n%s\n", o.rate, o.length, soakHead)
	}
	failed := make(chan error, 2)
	stop := make(chan struct{})
	written := make(chan int64, 1)
	go s.write(stop, written, failed)
	go s.read(failed)

	// Looked at sixty times or every ten seconds, told ten times or every minute.
	look := time.NewTicker(max(10*time.Millisecond, min(10*time.Second, o.length/60)))
	defer look.Stop()
	end := time.NewTimer(o.length)
	defer end.Stop()
	var all []sample
	for running, told := true, 0; running; {
		select {
		case err := <-failed:
			return fmt.Errorf("after %v and %d responses: %w", time.Since(s.began).Round(time.Second), s.responses.Load(), err)
		case <-ctx.Done():
			running = false
		case <-end.C:
			running = false
		case <-look.C:
		}
		all = append(all, s.look(b.self, home))
		if len(all) >= told+6 || !running {
			told = len(all)
			if err := all[told-1].print(b); err != nil {
				return err
			}
		}
	}
	close(stop)
	// All that was sent has a response.
	for total, deadline := <-written, time.Now().Add(patience); s.responses.Load() < total; {
		select {
		case err := <-failed:
			return fmt.Errorf("%d of %d messages had a response: %w", s.responses.Load(), total, err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d messages had a response", s.responses.Load(), total)
		}
	}
	return errors.Join(b.verdict(all), ctx.Err()) // cut short, it says what it saw until then
}

// soaker is the client of a soak.
type soaker struct {
	*client
	options   soakOptions
	loads     []*load
	began     time.Time
	calls     atomic.Int64 // sent
	sent      atomic.Int64 // messages
	responses atomic.Int64
}

// write sends messages at the rate until stop is closed, and then says how many.
func (s *soaker) write(stop chan struct{}, written chan<- int64, failed chan<- error) {
	defer func() { written <- s.sent.Load() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		due := int64(time.Since(s.began).Seconds() * float64(s.options.rate))
		for n := s.sent.Load(); n < due && n-s.responses.Load() < soakInFlight; n++ {
			line := s.kind(n).numbered(n)
			s.sent.Add(1) // before its response can come
			if _, err := s.in.Write(line); err != nil {
				failed <- s.because(err)
				return
			}
		}
	}
}

// kind is the n-th message. It counts calls.
func (s *soaker) kind(n int64) messages {
	// Spread: 7919 has no factor in common with 10,000.
	at := float64(n*7919%10_000) / 10
	if at < soakOther {
		return s.loads[0].others
	}
	s.calls.Add(1)
	switch at -= soakOther; {
	case at < soakLarge:
		return s.loads[2].calls
	case at < soakLarge+soakMiddle:
		return s.loads[1].calls
	}
	return s.loads[0].calls
}

// read counts the responses. An error among them ends it.
func (s *soaker) read(failed chan<- error) {
	for {
		if _, err := s.response(); err != nil {
			failed <- err
			return
		}
		s.responses.Add(1)
	}
}

// A sample is a look at the wrapper. What is not to be had here is -1.
type sample struct {
	Minutes  float64 `json:"minutes"`
	Messages int64   `json:"messages"` // with a response
	Calls    int64   `json:"calls"`    // sent
	RSS      float64 `json:"rss_mb"`
	Peak     float64 `json:"peak_mb"`
	Threads  int     `json:"threads"`
	Files    int     `json:"open_files"`
	Guard    float64 `json:"guard_mb"` // RSS
	Log      float64 `json:"log_mb"`
}

func (s *soaker) look(self, home string) sample {
	pids, guards := family(s.cmd.Process.Pid, self)
	u := usageOf(pids[0])
	got := sample{
		Minutes: time.Since(s.began).Minutes(), Messages: s.responses.Load(), Calls: s.calls.Load(),
		RSS: u.rss, Peak: u.peak, Threads: u.threads, Files: u.files, Guard: -1,
	}
	for _, g := range guards {
		got.Guard = usageOf(g).rss
	}
	files, _ := filepath.Glob(filepath.Join(home, ".signet", "audit", "*.jsonl"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			got.Log += float64(info.Size()) / 1e6
		}
	}
	return got
}

const soakHead = "minutes   messages      calls   RSS MB  peak MB  threads  open files  guard MB   log MB"

func (s sample) print(b *bench) error {
	if b.json {
		return writeJSON(b.out, s)
	}
	_, err := fmt.Fprintf(b.out, "%7.2f %10d %10d %8s %8s %8s %11s %9s %8.1f\n", s.Minutes, s.Messages, s.Calls,
		known("%.1f", s.RSS), known("%.1f", s.Peak), known("%d", s.Threads), known("%d", s.Files), known("%.1f", s.Guard), s.Log)
	return err
}

// known is a figure, or "-" if it is not to be had.
func known[T int | float64](format string, v T) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}
