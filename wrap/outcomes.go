package wrap

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// outcomes makes records of what came of the calls: a receipt of version 2 for
// each response, and events. It works beside the session: a response has gone to
// the client before it is looked at here, and no call waits for it.
//
// A record is signed at once, in the pause before the client's next call, and
// goes into the log together with that call's: one hold of the lock and one sync
// do for both. If no call comes for carryFor, it is written by itself.
type outcomes struct {
	signer   *sign.Signer
	hashOnly bool
	write    func() error // puts what is ready into the log: calls pending and written
	say      func(format string, a ...any)

	mu     sync.Mutex
	queue  []job     // oldest first
	ready  int       // how many of queue, from its beginning on, are signed
	since  time.Time // when the first of them was
	kept   int       // bytes of responses in queue
	lost   int       // jobs that found no room, or could not be signed
	closed bool
	wake   chan struct{} // has room for one
	idle   chan struct{} // closed when the goroutine has ended
}

// Bounds of what waits. Responses beyond maxQueued bytes are reduced to the hash
// of their bytes.
const (
	maxJobs   = 20_000
	maxQueued = 16 << 20
)

// job is one thing to write: the outcome of a call, or an event.
type job struct {
	call   *asked
	answer mcpwire.Response
	record []byte // the signed receipt for call and answer, once there is one

	event event.Event // instead of an outcome; signed under the log's lock

	prepare func() []job // if set, makes the jobs that take this one's place
}

func newOutcomes(rec *recorder) *outcomes {
	o := &outcomes{
		signer: rec.signer, hashOnly: rec.opts.HashOnly, write: rec.flush, say: rec.say,
		wake: make(chan struct{}, 1), idle: make(chan struct{}),
	}
	go o.run()
	return o
}

// add queues a job. It does not wait.
func (o *outcomes) add(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.queue) >= maxJobs {
		o.lost++
		return
	}
	if o.kept += len(j.answer.Value); o.kept > maxQueued {
		o.kept -= len(j.answer.Value)
		j.answer = j.answer.Reduced()
	}
	o.queue = append(o.queue, j)
	o.poke()
}

// poke wakes the goroutine.
func (o *outcomes) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

const (
	// carryFor is how long a record that is ready waits for a call to go into
	// the log with. So much is lost when the wrapper is killed.
	carryFor = 20 * time.Millisecond
	// retryAfter is how long a failed write waits for another try.
	retryAfter = time.Second
	// maxCarried bounds the records that go into the log with one call: all
	// writers of the log wait.
	maxCarried = 256
)

func (o *outcomes) run() {
	defer close(o.idle)
	// The timer is left alone while calls take the records along, so that it
	// costs nothing for each.
	timer := time.NewTimer(carryFor)
	due := time.Now().Add(carryFor) // of the timer; zero if it does not run
	for {
		o.mu.Lock()
		ready, unsigned := o.ready, len(o.queue) > o.ready
		left, closed := carryFor-time.Since(o.since), o.closed
		var next job
		if unsigned {
			next = o.queue[ready]
		}
		o.mu.Unlock()
		switch {
		case unsigned:
			o.sign(next)
			continue
		case ready > 0 && (closed || left <= 0):
			err := o.write()
			if err == nil {
				continue
			}
			o.say("outcomes cannot be recorded: %v", err)
			if closed {
				return
			}
			o.mu.Lock()
			o.since = time.Now().Add(retryAfter - carryFor)
			o.mu.Unlock()
			left = retryAfter
		case closed:
			return
		}
		if at := time.Now().Add(left); ready > 0 && (due.IsZero() || at.Before(due)) {
			timer.Reset(left)
			due = at
		}
		select {
		case <-o.wake:
		case <-timer.C:
			due = time.Time{}
		}
	}
}

// sign makes j, which is the first of those that are not ready, ready.
func (o *outcomes) sign(j job) {
	if j.prepare != nil {
		made := j.prepare()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.queue = slices.Replace(o.queue, o.ready, o.ready+1, made...)
		return
	}
	signed := job{event: j.event}
	var err error
	if j.event == nil {
		var receipt *sign.Receipt
		if receipt, err = o.signer.Respond(j.outcome(o.hashOnly)); err == nil {
			signed.record = receipt.Record
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept -= len(j.answer.Value)
	if err != nil {
		o.queue = slices.Delete(o.queue, o.ready, o.ready+1)
		o.lost++
		o.say("an outcome cannot be signed: %v", err)
		return
	}
	o.queue[o.ready] = signed
	if o.ready++; o.ready == 1 {
		o.since = time.Now()
	}
}

// pending is what is ready to be written, oldest first, as far as it may go into
// the log at once. It is good until written.
func (o *outcomes) pending() []job {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queue[:min(o.ready, maxCarried)]
}

// written says that the first n are in the log.
func (o *outcomes) written(n int) {
	if n == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.queue[:n]) // nothing of them is kept by the array behind queue
	o.queue, o.ready = o.queue[n:], o.ready-n
	o.since = time.Now()
}

// finish waits until all is written, but not for ever: a disk that hangs must
// not keep the client waiting. It says how much was lost.
func (o *outcomes) finish(patience time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.poke()
	o.mu.Unlock()
	select {
	case <-o.idle:
	case <-time.After(patience):
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost := o.lost + len(o.queue); lost > 0 {
		o.say("%d outcomes are not in the log", lost)
	}
}

// outcome is what the answer says of the call.
func (j job) outcome(hashOnly bool) sign.Response {
	a := sign.Response{
		Action:     j.call.action,
		ParamsHash: j.call.paramsHash,
		RequestID:  j.call.receipt,
		Requested:  j.call.at,
		Responded:  j.answer.At,
	}
	a.Outcome = outcomeOf(j.answer, hashOnly)
	var reason string
	if a.ContentHash, reason = j.answer.ContentHash(); reason != "" {
		a.Outcome.Reason = strings.TrimPrefix(a.Outcome.Reason+"; "+reason, "; ")
	}
	return a
}
