package wrap

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// outcomes writes what came of the calls into the log: a receipt of version 2
// for each answer. It works behind the session: an answer has gone to the
// client before it is looked at here, and the disk is waited for by nobody but
// this file's goroutine, until the session ends.
type outcomes struct {
	rec *recorder

	mu     sync.Mutex
	queue  []job
	kept   int // bytes of answers in queue
	lost   int // jobs that found no room
	closed bool
	wake   chan struct{} // has room for one
	ending chan struct{} // closed when the session ends
	idle   chan struct{} // closed when the goroutine has ended
}

// Bounds of what waits for the disk. Answers beyond maxQueued bytes are reduced
// to the hash of their bytes.
const (
	maxJobs   = 20_000
	maxQueued = 16 << 20
)

// job is one thing to write: the outcome of a call, or an event.
type job struct {
	call   *asked
	answer mcpwire.Response

	event event.Event // instead of an outcome

	prepare func() []job // if set, makes the jobs that take this one's place
}

func newOutcomes(rec *recorder) *outcomes {
	o := &outcomes{rec: rec, wake: make(chan struct{}, 1), ending: make(chan struct{}), idle: make(chan struct{})}
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
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// retryAfter is how long a failed write waits for another try.
const retryAfter = time.Second

// gatherFor is how long outcomes are gathered before they are written: a client
// that calls as fast as it can then shares the log's lock, and the machine,
// with one write in many calls and not with one in each.
const gatherFor = 3 * time.Millisecond

// gather waits for more outcomes, or for the end.
func (o *outcomes) gather() {
	select {
	case <-o.ending:
	case <-time.After(gatherFor):
	}
}

func (o *outcomes) run() {
	defer close(o.idle)
	for {
		o.mu.Lock()
		jobs := o.queue[:min(len(o.queue), maxTogether)]
		closed := o.closed
		o.mu.Unlock()
		if len(jobs) > 0 && jobs[0].prepare != nil {
			made := jobs[0].prepare()
			o.mu.Lock()
			o.queue = slices.Concat(made, o.queue[1:])
			o.mu.Unlock()
			continue
		}
		if i := slices.IndexFunc(jobs, func(j job) bool { return j.prepare != nil }); i > 0 {
			jobs = jobs[:i]
		}
		if len(jobs) == 0 {
			if closed {
				return
			}
			<-o.wake
			o.gather()
			continue
		}
		if err := o.write(jobs); err != nil {
			o.rec.say("outcomes cannot be recorded: %v", err)
			if closed {
				return
			}
			select {
			case <-o.wake: // the end, or more to write
			case <-time.After(retryAfter):
			}
			continue
		}
		o.mu.Lock()
		for _, j := range jobs {
			o.kept -= len(j.answer.Value)
		}
		clear(jobs) // nothing of them is kept by the array behind queue
		o.queue = o.queue[len(jobs):]
		o.mu.Unlock()
	}
}

// write appends the jobs to the log. Their sync may come later: no answer
// waits for it, and a record without its outcome says so.
func (o *outcomes) write(jobs []job) error {
	// Receipts for answers have the times of the answers, so they are signed
	// before the log's lock is taken: the next call may be waiting for it.
	receipts := make([]*sign.Receipt, len(jobs))
	for i, j := range jobs {
		if j.event != nil {
			continue
		}
		var err error
		if receipts[i], err = o.rec.signer.Respond(j.outcome(o.rec.opts.HashOnly)); err != nil {
			return err
		}
	}
	return o.rec.log.AppendLater(len(jobs), func(i int, at chain.At) ([]byte, error) {
		if receipts[i] == nil {
			var err error
			if receipts[i], err = o.rec.signer.Event(jobs[i].event, at.Time, at.Prev); err != nil {
				return nil, err
			}
		}
		return receipts[i].Record, nil
	})
}

// finish waits until all is written, but not for ever: a disk that hangs must
// not keep the client waiting. It says how much was lost.
func (o *outcomes) finish(patience time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	close(o.ending)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	select {
	case <-o.idle:
	case <-time.After(patience):
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost := o.lost + len(o.queue); lost > 0 {
		o.rec.say("%d outcomes are not in the log", lost)
	}
}

// outcome is what the answer says of the call.
func (j job) outcome(hashOnly bool) sign.Answer {
	a := sign.Answer{
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
