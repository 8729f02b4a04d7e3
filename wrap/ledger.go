package wrap

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// ledger knows which of the client's requests wait for an answer that matters:
// the calls, and what tells of their tasks, of the server and of its tools. The
// server's own requests have ids of their own and are not in it.
//
// It is bounded: beyond maxOpen calls the oldest are given up.
type ledger struct {
	size atomic.Int64 // of waiting, to be asked without the lock

	mu      sync.Mutex
	waiting map[string][]request // by idKey, oldest first, for an id may be in use twice
	tasks   map[string]*asked    // calls answered with a task, by its id
	inputs  map[string]string    // receipt ids of calls that were asked for input, by inputKey
	order   []*asked             // all calls without an outcome, oldest first, and some with
	open    int                  // calls without an outcome
}

// Bounds of what is remembered: calls without an outcome, requests of other
// kinds, calls that were asked for input.
const (
	maxOpen   = 100_000
	maxOthers = 1_000
	maxInputs = 1_000
)

// asked is a call that is in the log.
type asked struct {
	action     sign.Action // without arguments
	paramsHash string
	receipt    string // id
	at         time.Time

	// Guarded by the ledger's lock.
	settled   bool   // its outcome is known, or it was given up
	cancelled bool   // the client sent notifications/cancelled
	task      string // id of the task that it was answered with
}

// request is a request that waits for its answer.
type request struct {
	about about
	call  *asked // of a call, or of the call whose task is asked for; else nil
}

// about is what a request is about.
type about int

const (
	aboutCall       about = iota // tools/call
	aboutTaskResult              // tasks/result: the result of a call
	aboutTask                    // tasks/get, tasks/cancel: perhaps its end
	aboutServer                  // initialize, server/discover
	aboutTools                   // tools/list
)

func newLedger() *ledger {
	return &ledger{waiting: map[string][]request{}, tasks: map[string]*asked{}, inputs: map[string]string{}}
}

// callSent notes a call, before the server may see it. id is "" if it has none
// and so will have no answer.
func (l *ledger) callSent(id string, c *asked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, c)
	l.open++
	if id != "" {
		l.wait(id, request{aboutCall, c})
	}
	if l.open > maxOpen {
		l.giveUpOldest()
	}
	if len(l.order) > 64 && len(l.order) > 2*l.open {
		l.order = slices.DeleteFunc(l.order, func(c *asked) bool { return c.settled })
	}
}

func (l *ledger) giveUpOldest() {
	for i, c := range l.order {
		if !c.settled {
			l.order = l.order[i+1:]
			l.settle(c)
			return
		}
	}
}

// sent notes another request, if the ledger has room for it.
func (l *ledger) sent(id string, what about, taskID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" || int(l.size.Load()) > l.open+maxOthers {
		return
	}
	r := request{about: what}
	if what == aboutTask || what == aboutTaskResult {
		if r.call = l.tasks[taskID]; r.call == nil {
			return // the task is of another kind of request
		}
	}
	l.wait(id, r)
}

func (l *ledger) wait(id string, r request) {
	l.waiting[id] = append(l.waiting[id], r)
	l.size.Add(1)
}

// answered takes out the request that an answer with this id is for: the
// oldest of them. An answer that nobody waits for has none.
func (l *ledger) answered(id string) (request, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rs := l.waiting[id]; len(rs) > 0; rs = rs[1:] {
		r := rs[0]
		if len(rs) == 1 {
			delete(l.waiting, id)
		} else {
			l.waiting[id] = rs[1:]
		}
		l.size.Add(-1)
		if r.call == nil || !r.call.settled {
			return r, true
		}
	}
	return request{}, false
}

// settled notes that the outcome of a call is known. It is false if it was
// known already.
func (l *ledger) settled(c *asked) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.settled {
		return false
	}
	l.settle(c)
	return true
}

func (l *ledger) settle(c *asked) {
	c.settled = true
	l.open--
	if c.task != "" {
		delete(l.tasks, c.task)
	}
}

// becameTask notes that a call was answered with a task.
func (l *ledger) becameTask(c *asked, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.task = id
	l.tasks[id] = c
}

// cancelled notes that the client no longer wants the answers to this id. One
// may come all the same.
func (l *ledger) cancelled(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.waiting[id] {
		if r.about == aboutCall {
			r.call.cancelled = true
		}
	}
}

// wantsInput notes that a call was answered with a wish for input, so that the
// call that brings it can be linked to it.
func (l *ledger) wantsInput(key, receipt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.inputs) >= maxInputs {
		clear(l.inputs)
	}
	l.inputs[key] = receipt
}

// wantedBy is the receipt of the call that asked for the input of key, or "".
func (l *ledger) wantedBy(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inputs[key]
}

// left returns the calls without an outcome, oldest first, and why.
func (l *ledger) left(ended string) []unanswered {
	l.mu.Lock()
	defer l.mu.Unlock()
	var calls []unanswered
	for _, c := range l.order {
		if c.settled {
			continue
		}
		u := unanswered{receipt: c.receipt, reason: ended}
		switch {
		case c.action.CallID == "":
			u.reason = "it had no id"
		case c.task != "":
			u.reason = "its task was never fetched"
		case c.cancelled:
			u.reason = "cancelled by the client"
		}
		calls = append(calls, u)
	}
	return calls
}

// unanswered is a call whose outcome is not known when the session ends.
type unanswered struct{ receipt, reason string }
