package wrap

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// ledger knows which of the client's requests wait for an answer that matters:
// the calls, and what tells of their tasks, of the server and of its tools. The
// server's own requests have ids of their own and are not in it.
//
// It is bounded: calls beyond maxOpen are given up, the oldest first.
type ledger struct {
	expected atomic.Int64 // requests in waiting and tasks, to be asked without the lock

	mu      sync.Mutex
	waiting map[string][]request // by idKey, oldest first, for an id may be in use twice
	others  int                  // of them, those that are no calls
	tasks   map[string]*asked    // calls answered with a task, by its id
	wishes  []wish               // for input, oldest first
	order   []*asked             // all calls without an outcome, oldest first, and some with
	open    int                  // calls without an outcome
}

// Bounds of what is remembered: calls without an outcome, requests of other
// kinds, calls that were asked for input. A call takes about 700 bytes.
const (
	maxOpen   = 20_000
	maxOthers = 1_000
	maxWishes = 1_000
)

// asked is a call that is in the log.
type asked struct {
	action     sign.Action // without arguments
	paramsHash string
	receipt    string // id
	at         time.Time
	key        string // the request's id as idKey, "" if it has none

	// Guarded by the ledger's lock.
	settled   bool              // its outcome is known, or it was given up
	cancelled bool              // the client no longer wants it
	task      string            // id of the task that it was answered with
	told      *mcpwire.Response // of the task's end, if that is known and the result is not
}

// request is a request that waits for its answer.
type request struct {
	about     about
	call      *asked // the call, or the one whose task is asked for; else nil
	cancelled bool
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

// wish is a call's wish for input.
type wish struct {
	state      string // its stateKey, "" if the server gave none
	tool       string
	paramsHash string
	receipt    string // of the call
	granted    bool   // a later call brought the input
}

func newLedger() *ledger {
	return &ledger{waiting: map[string][]request{}, tasks: map[string]*asked{}}
}

// callSent notes a call, before the server may see it. It returns the calls
// that were given up for it.
func (l *ledger) callSent(c *asked) (givenUp []event.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, c)
	l.open++
	if c.key != "" {
		l.wait(c.key, request{about: aboutCall, call: c})
	}
	if l.open > maxOpen {
		givenUp = l.giveUp(maxListed)
	}
	if len(l.order) > 64 && len(l.order) > 2*l.open {
		l.order = slices.DeleteFunc(l.order, func(c *asked) bool { return c.settled })
	}
	return givenUp
}

// giveUp forgets the n oldest calls.
func (l *ledger) giveUp(n int) []event.Call {
	var calls []event.Call
	for i, c := range l.order {
		if c.settled {
			continue
		}
		if len(calls) == n {
			l.order = slices.Clone(l.order[i:])
			break
		}
		l.settle(c)
		l.stopWaiting(c)
		calls = append(calls, event.Call{ID: c.receipt, Reason: "too many calls were waiting"})
	}
	return calls
}

func (l *ledger) stopWaiting(c *asked) {
	i := slices.IndexFunc(l.waiting[c.key], func(r request) bool { return r.about == aboutCall && r.call == c })
	if i >= 0 {
		l.take(c.key, i)
	}
}

// sent notes another request, if there is room for it.
func (l *ledger) sent(id string, what about, taskID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" || l.others >= maxOthers {
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
	l.expected.Add(1)
	if r.about != aboutCall {
		l.others++
	}
}

// take takes out the i-th request with this id.
func (l *ledger) take(id string, i int) request {
	rs := l.waiting[id]
	r := rs[i]
	if len(rs) == 1 {
		delete(l.waiting, id)
	} else {
		l.waiting[id] = slices.Delete(rs, i, i+1)
	}
	l.expected.Add(-1)
	if r.about != aboutCall {
		l.others--
	}
	return r
}

// answered takes out the request that an answer with this id is for: the oldest
// of them, but rather one that was not cancelled. An answer that nobody waits
// for has none.
func (l *ledger) answered(id string) (request, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rs := l.waiting[id]
	if len(rs) == 0 {
		return request{}, false
	}
	return l.take(id, max(0, slices.IndexFunc(rs, func(r request) bool { return !r.cancelled }))), true
}

// taskOf is the call that was answered with this task, if it has no outcome.
func (l *ledger) taskOf(id string) (*asked, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.tasks[id]
	return c, ok
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
	if c.task != "" && l.tasks[c.task] == c {
		delete(l.tasks, c.task)
		l.expected.Add(-1)
	}
}

// becameTask notes that a call was answered with a task.
func (l *ledger) becameTask(c *asked, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.settled {
		return
	}
	if _, ok := l.tasks[id]; !ok {
		l.expected.Add(1)
	}
	c.task = id
	l.tasks[id] = c
}

// taskTold notes how the task of a call ended, in case that its result is never
// fetched.
func (l *ledger) taskTold(c *asked, a mcpwire.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.told = &a
}

// cancelled notes that the client no longer wants the answers to this id. One
// may come all the same.
func (l *ledger) cancelled(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.waiting[id] {
		l.waiting[id][i].cancelled = true
		if r.about == aboutCall {
			r.call.cancelled = true
		}
	}
}

// taskCancelled notes that the client no longer wants the result of this task.
func (l *ledger) taskCancelled(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.tasks[id]; c != nil {
		c.cancelled = true
	}
}

// wantsInput notes that a call was answered with a wish for input, so that the
// call that brings it can be linked to it.
func (l *ledger) wantsInput(w wish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wishes) >= maxWishes {
		l.wishes = slices.Delete(l.wishes, 0, maxWishes/2)
	}
	l.wishes = append(l.wishes, w)
}

// wishOf is the receipt of the call whose wish a call brings the input for, ""
// if there is none: one with the same state, tool and arguments, or at least
// with the same state. A retry repeats all three (2026-07-28,
// basic/patterns/mrtr), but a server may give one state to all calls, or none.
func (l *ledger) wishOf(state, tool, paramsHash string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	best, rank := -1, 0
	for i, w := range l.wishes {
		r := 0
		switch {
		case w.state != state:
		case w.tool == tool && w.paramsHash == paramsHash:
			r = 5
		case state != "":
			r = 3
		}
		if r > 0 && w.granted {
			r-- // it may come again, when the first retry was lost
		}
		if r > rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		return ""
	}
	l.wishes[best].granted = true
	return l.wishes[best].receipt
}

// left returns the calls without an outcome, oldest first: those whose task's end
// was told, and the others and why they have none. These get none any more.
func (l *ledger) left(ended string) (ends []taskEnd, never []event.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.order {
		u := event.Call{ID: c.receipt, Reason: ended}
		switch {
		case c.settled:
			continue
		case c.told != nil:
			ends = append(ends, taskEnd{c, *c.told})
			continue
		case c.action.CallID == "":
			u.Reason = "it had no id"
		case c.cancelled:
			u.Reason = "cancelled by the client"
		case c.task != "":
			u.Reason = "the result of its task was never fetched"
		}
		never = append(never, u)
		l.settle(c)
	}
	return ends, never
}

// taskEnd is a call and how its task ended.
type taskEnd struct {
	call *asked
	end  mcpwire.Response
}
