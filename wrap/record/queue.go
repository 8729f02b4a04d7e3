package record

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/alarm"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// queue makes records of what follows the calls: a receipt of version 2 for each
// response, and events. It works in a goroutine of its own, and no call waits for
// it.
//
// A record is signed at once, in the time before the client's next call. It is
// written to the log together with that call's receipt: both share one hold of the
// lock and one sync. If no call comes for waitForCall, it is written alone.
type queue struct {
	opts    *Options
	write   func() error  // writes what is ready to the log; it calls ready and written
	signer  *sign.Signer  // set by start
	waiting time.Duration // waitForCall, except in tests
	wake    chan struct{} // buffered: one wake-up is kept
	idle    chan struct{} // closed when the goroutine has ended
	alarm   time.Time     // that is set next; the goroutine's

	mu     sync.Mutex // guards all below
	items  []item     // oldest first
	signed int        // the first ones are signed: this many
	since  time.Time  // when the first of these was signed
	kept   int        // bytes of responses that items hold
	lost   int        // items dropped because of a limit, or not signed because of an error
	closed bool
}

// Bounds of what waits, in items and bytes. Responses beyond maxQueued bytes are
// reduced to the hash of their bytes.
const (
	maxItems  = 20_000
	maxQueued = 16 << 20
)

// item is one thing to record: the outcome of a call, or an event.
type item struct {
	call     *loggedCall
	response mcpwire.Response
	record   []byte // the signed receipt for call and response; nil: not signed yet

	event event.Event // instead of an outcome; signed under the log's lock

	// prepare, if not nil, makes the items that replace this one. It gets the key
	// that signs the log.
	prepare func(ed25519.PublicKey) []item
}

func newQueue(o *Options, write func() error) *queue {
	return &queue{opts: o, write: write, waiting: waitForCall, wake: make(chan struct{}, 1), idle: make(chan struct{})}
}

// start starts the writing of what is added, if it was not started. It is called
// before all other methods but ready and written. The caller holds the Recorder's mu.
func (q *queue) start(signer *sign.Signer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.signer == nil {
		q.signer = signer
		go q.run()
	}
}

// add queues an item. It does not wait.
func (q *queue) add(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.items) >= maxItems {
		q.lost++
		return
	}
	if q.kept += len(i.response.Value); q.kept > maxQueued {
		q.kept -= len(i.response.Value)
		i.response = i.response.Reduced()
	}
	q.items = append(q.items, i)
	q.poke()
}

// poke wakes the goroutine.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

const (
	// waitForCall is how long a signed record waits for a call to be written with.
	// The records of this time are lost if the wrapper is killed.
	waitForCall = 20 * time.Millisecond
	// retryAfter is the time from a failed write to the next try.
	retryAfter = time.Second
	// maxTogether is the maximum number of queued records written together with
	// one call: meanwhile all other writers of the log wait.
	maxTogether = 256
)

func (q *queue) run() {
	defer close(q.idle)
	for {
		q.mu.Lock()
		signed, unsigned := q.signed, len(q.items) > q.signed
		left, closed := q.waiting-time.Since(q.since), q.closed
		var next item
		if unsigned {
			next = q.items[signed]
		}
		q.mu.Unlock()
		switch {
		case unsigned:
			q.sign(next)
			continue
		case signed > 0 && (closed || left <= 0):
			err := q.write()
			if err == nil {
				continue
			}
			q.opts.say("outcomes cannot be recorded: %v", err)
			if closed {
				return
			}
			q.mu.Lock()
			q.since = time.Now().Add(retryAfter - q.waiting)
			q.mu.Unlock()
			left = retryAfter
		case closed:
			return
		}
		if signed > 0 {
			q.wakeIn(left)
		}
		<-q.wake
	}
}

// wakeIn wakes the goroutine after d, or before. It sets no alarm if one rings before
// that: calls that take the records with them then cost none.
func (q *queue) wakeIn(d time.Duration) {
	at := time.Now().Add(d)
	if !q.alarm.IsZero() && !at.Before(q.alarm) && time.Now().Before(q.alarm) {
		return
	}
	q.alarm = at
	alarm.After(d, q.poke)
}

// sign makes i, which is the first of those that are not ready, ready.
func (q *queue) sign(i item) {
	if i.prepare != nil {
		made := i.prepare(q.signer.PublicKey())
		q.mu.Lock()
		defer q.mu.Unlock()
		q.items = slices.Replace(q.items, q.signed, q.signed+1, made...)
		return
	}
	done, kept := item{event: i.event}, len(i.response.Value)
	var err error
	var carried confirmation
	if i.event == nil {
		i.response, carried = q.confirm(i)
		o := i.outcome()
		if carried.by != "" {
			o.Outcome.Reason = join(o.Outcome.Reason, "confirmed by the server's key "+carried.by)
		}
		var receipt *sign.Receipt
		if receipt, err = q.signer.Respond(o); err == nil {
			done.record = receipt.Record
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept -= kept
	if err != nil {
		q.items = slices.Delete(q.items, q.signed, q.signed+1)
		q.lost++
		q.opts.say("an outcome cannot be signed: %v", err)
		return
	}
	q.items[q.signed] = done
	if carried.event != nil {
		q.items = slices.Insert(q.items, q.signed+1, item{event: carried.event})
	}
	if q.signed++; q.signed == 1 {
		q.since = time.Now()
	}
}

// ready returns the items that are ready to be written, oldest first, maxTogether
// at most. The slice is valid until written is called.
func (q *queue) ready() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items[:min(q.signed, maxTogether)]
}

// written says that the first n items are in the log.
func (q *queue) written(n int) {
	if n == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.items[:n]) // so that the array of items keeps nothing of them
	q.items, q.signed = q.items[n:], q.signed-n
	q.since = time.Now()
}

// finish waits until all is written, but not longer than patience: a disk that
// hangs must not keep the client waiting. It says how much was lost.
func (q *queue) finish(patience time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.poke()
	started := q.signer != nil
	q.mu.Unlock()
	if !started {
		return // nobody writes, and nothing was added
	}
	select {
	case <-q.idle:
	case <-time.After(patience):
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if lost := q.lost + len(q.items); lost > 0 {
		q.opts.say("%s could not be logged", text.Count(int64(lost), "outcome"))
	}
}

// outcome is the content of the receipt for the response.
func (i item) outcome() sign.Response {
	a := sign.Response{
		Action:     i.call.action,
		ParamsHash: i.call.paramsHash,
		RequestID:  i.call.receipt,
		Requested:  i.call.at,
		Responded:  i.response.At,
	}
	a.Outcome = outcomeOf(i.response, i.call.hidesArguments())
	var reason string
	if a.ContentHash, reason = i.response.ContentHash(); reason != "" {
		a.Outcome.Reason = strings.TrimPrefix(a.Outcome.Reason+"; "+reason, "; ")
	}
	return a
}
