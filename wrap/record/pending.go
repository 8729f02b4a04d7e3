package record

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// pending is what waits for the server: requests whose response matters, and tasks.
// Those are the calls, and what tells of their tasks, of the server and of its
// tools. The server's own requests have ids of their own and are not in it.
//
// It is bounded: calls beyond maxOpen or maxOpenBytes are given up, the oldest
// first.
type pending struct {
	expected atomic.Int64 // requests in waiting and tasks, to be asked without the lock
	lists    atomic.Int64 // those for a list of tools

	mu            sync.Mutex             // guards all below
	waiting       map[string][]request   // by the loose key of the id, oldest first
	others        int                    // of them, those that are no calls
	tasks         map[string]*loggedCall // calls that became tasks, by the id of the task
	inputRequests []inputRequest         // oldest first
	order         []*loggedCall          // all calls without an outcome, oldest first, and some with
	open          int                    // calls without an outcome
	openBytes     int                    // that they take
	unreadable    int                    // messages of the server that could not be read, nor an id in them

	// The calls that had a response last, by the loose key, and in a ring.
	responded map[string]lastResponse
	recent    [maxResponded]string
	next      int
}

// Bounds of what is remembered: calls without an outcome, requests of other
// kinds, calls whose response asked for input, calls that had a response. A call takes
// about 700 bytes, if it has no long name or id.
const (
	maxOpen          = 20_000
	maxOpenBytes     = 64 << 20
	maxOthers        = 1_000
	maxInputRequests = 1_000
	maxResponded     = 512
)

// loggedCall is a call that is in the log.
type loggedCall struct {
	action     sign.Action // without arguments
	paramsHash sign.Hash
	receipt    string // id
	at         time.Time
	key        string // the request's id as mcpwire.IDKey, "" if it has none

	// Guarded by the lock of pending.
	settled    bool              // its outcome is known, or it was given up
	cancelled  bool              // the client no longer wants it
	task       string            // id of the task that it became
	taskEnd    *mcpwire.Response // of the task's end, if that is known and the result is not
	unreadable int               // messages that may be its response and could not be read
	before     int               // pending.unreadable when it was sent
}

func (c *loggedCall) size() int {
	return 700 + len(c.action.Tool) + len(c.action.CallID) + len(c.key)
}

// lastResponse is that of a call that has had one.
type lastResponse struct {
	key, receipt string
	more         bool // another response came, and is in the log
}

// request is a request that waits for its response.
type request struct {
	about     about
	key       string      // its id as mcpwire.IDKey
	call      *loggedCall // the call, or the one whose task is asked for; else nil
	cancelled bool
}

// about is what a request is about.
type about int

const (
	aboutCall       about = iota // tools/call
	aboutTaskResult              // tasks/result: the result of a call
	aboutTask                    // tasks/get, tasks/cancel: perhaps its end
	aboutServer                  // initialize, server/discover
	aboutTools                   // tools/list, from the first page on
	aboutMoreTools               // tools/list, a further page
)

func (a about) isList() bool { return a == aboutTools || a == aboutMoreTools }

// inputRequest is a call whose response was a request for input.
type inputRequest struct {
	state      string // its StateKey, "" if the server gave none
	tool       string
	paramsHash sign.Hash
	receipt    string // of the call
	granted    bool   // a later call brought the input
}

func newPending() *pending {
	return &pending{waiting: map[string][]request{}, tasks: map[string]*loggedCall{}, responded: map[string]lastResponse{}}
}

// callSent notes a call, before the server may see it. It returns the calls
// that were given up for it.
func (p *pending) callSent(c *loggedCall) (givenUp []event.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = append(p.order, c)
	p.open++
	p.openBytes += c.size()
	c.before = p.unreadable
	if c.key != "" {
		p.wait(request{about: aboutCall, key: c.key, call: c})
	}
	if p.open > maxOpen || p.openBytes > maxOpenBytes {
		givenUp = p.giveUp(min(maxListed, max(1, p.open/2)))
	}
	if len(p.order) > 64 && len(p.order) > 2*p.open {
		p.order = slices.DeleteFunc(p.order, func(c *loggedCall) bool { return c.settled })
	}
	return givenUp
}

// giveUp forgets the n oldest calls.
func (p *pending) giveUp(n int) []event.Call {
	var calls []event.Call
	for i, c := range p.order {
		if c.settled {
			continue
		}
		if len(calls) == n {
			p.order = slices.Clone(p.order[i:])
			break
		}
		p.settle(c)
		p.stopWaiting(c)
		calls = append(calls, event.Call{ID: c.receipt, Reason: "too many calls were waiting"})
	}
	return calls
}

func (p *pending) stopWaiting(c *loggedCall) {
	key := mcpwire.LooseKey(c.key)
	i := slices.IndexFunc(p.waiting[key], func(r request) bool { return r.about == aboutCall && r.call == c })
	if i >= 0 {
		p.take(key, i)
	}
}

// sent notes another request, if there is room for it.
func (p *pending) sent(id string, what about, taskID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" || p.others >= maxOthers {
		return
	}
	r := request{about: what, key: id}
	if what == aboutTask || what == aboutTaskResult {
		if r.call = p.tasks[taskID]; r.call == nil {
			return // the task is of another kind of request
		}
	}
	p.wait(r)
}

func (p *pending) wait(r request) {
	key := mcpwire.LooseKey(r.key)
	delete(p.responded, key) // the id is in use again
	p.waiting[key] = append(p.waiting[key], r)
	p.expected.Add(1)
	if r.about != aboutCall {
		p.others++
	}
	if r.about.isList() {
		p.lists.Add(1)
	}
}

// take takes out the i-th request with this loose key.
func (p *pending) take(key string, i int) request {
	rs := p.waiting[key]
	r := rs[i]
	if len(rs) == 1 {
		delete(p.waiting, key)
	} else {
		p.waiting[key] = slices.Delete(rs, i, i+1)
	}
	p.expected.Add(-1)
	if r.about != aboutCall {
		p.others--
	}
	if r.about.isList() {
		p.lists.Add(-1)
	}
	return r
}

// used notes that the client uses an id for a request that is not followed. With
// "" it may be any.
func (p *pending) used(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" {
		clear(p.responded)
	} else {
		delete(p.responded, mcpwire.LooseKey(id))
	}
}

// remembers says whether any call is remembered that had a response.
func (p *pending) remembers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.responded) > 0
}

// match is how a response finds its request.
type match int

const (
	noMatch    match = iota
	exactMatch       // the ids are the same
	looseMatch       // some clients take them for the same
	late             // the call with this receipt had a response before
)

// response takes out the request that a response is for: the oldest with the same
// id, but rather one that was not cancelled. If there is none, and none with the
// same id had a response a short time ago, it is one whose id some clients take for
// the same (sign/FORMAT.md, "Version 2").
func (p *pending) response(exact, loose string) (r request, receipt string, how match) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pick := func(key string, fits func(request) bool) bool {
		found := -1
		for i, r := range p.waiting[key] {
			if fits(r) && (found < 0 || p.waiting[key][found].cancelled && !r.cancelled) {
				found = i
			}
		}
		if found < 0 {
			return false
		}
		r = p.take(key, found)
		if r.about == aboutCall {
			p.note(key, lastResponse{key: r.key, receipt: r.call.receipt})
		}
		return true
	}
	if pick(loose, func(r request) bool { return r.key == exact }) {
		return r, "", exactMatch
	}
	a, hadResponse := p.responded[loose]
	again := func(key string, a lastResponse) (request, string, match) {
		if a.more {
			return r, "", noMatch
		}
		a.more = true
		p.responded[key] = a
		return r, a.receipt, late
	}
	if hadResponse && a.key == exact {
		return again(loose, a)
	}
	whole := mcpwire.WholeKey(loose)
	for _, key := range []string{loose, whole} {
		if key != "" && pick(key, func(request) bool { return true }) {
			return r, "", looseMatch
		}
	}
	if hadResponse {
		return again(loose, a)
	}
	if a, ok := p.responded[whole]; ok {
		return again(whole, a)
	}
	return r, "", noMatch
}

// note remembers that a call had a response.
func (p *pending) note(key string, a lastResponse) {
	delete(p.responded, p.recent[p.next])
	p.responded[key], p.recent[p.next] = a, key
	p.next = (p.next + 1) % maxResponded
}

// couldNotRead notes a message that could not be read and may be a response: to
// the requests that its id may be of, or, without an id, to any. It says whether a
// list of tools is among them.
func (p *pending) couldNotRead(loose string) (list bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if loose == "" {
		p.unreadable++
		return p.lists.Load() > 0
	}
	for _, key := range []string{loose, mcpwire.WholeKey(loose)} {
		for _, r := range p.waiting[key] {
			list = list || r.about.isList()
			if r.call != nil {
				r.call.unreadable++
			}
		}
	}
	return list
}

// taskOf is the call that became this task, if it has no outcome.
func (p *pending) taskOf(id string) (*loggedCall, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.tasks[id]
	return c, ok
}

// settled notes that the outcome of a call is known. It is false if it was
// known already.
func (p *pending) settled(c *loggedCall) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.settled {
		return false
	}
	p.settle(c)
	return true
}

func (p *pending) settle(c *loggedCall) {
	c.settled = true
	p.open--
	p.openBytes -= c.size()
	if c.task != "" && p.tasks[c.task] == c {
		delete(p.tasks, c.task)
		p.expected.Add(-1)
	}
}

// becameTask notes that a call became a task. If the id is cut, its
// result will not be known for one.
func (p *pending) becameTask(c *loggedCall, id string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cut {
		c.unreadable++
	}
	if c.settled {
		return
	}
	if _, ok := p.tasks[id]; !ok {
		p.expected.Add(1)
	}
	c.task = id
	p.tasks[id] = c
}

// taskEnded notes how the task of a call ended, in case that its result is never
// fetched.
func (p *pending) taskEnded(c *loggedCall, a mcpwire.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.taskEnd = &a
}

// cancelled notes that the client no longer wants the responses to this id. One
// may come all the same.
func (p *pending) cancelled(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.waiting[mcpwire.LooseKey(id)]
	for i, r := range waiting {
		if r.key != id {
			continue
		}
		waiting[i].cancelled = true
		if r.about == aboutCall {
			r.call.cancelled = true
		}
	}
}

// taskCancelled notes that the client no longer wants the result of this task.
func (p *pending) taskCancelled(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.tasks[id]; c != nil {
		c.cancelled = true
	}
}

// inputRequested notes a call whose response is a request for input, so that
// the call that brings it can be linked to it.
func (p *pending) inputRequested(w inputRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inputRequests) >= maxInputRequests {
		p.inputRequests = slices.Delete(p.inputRequests, 0, maxInputRequests/2)
	}
	p.inputRequests = append(p.inputRequests, w)
}

// requesterOf is the receipt of the call that asked for the input that a call brings,
// "" if there is none: one with the same state, tool and arguments, or at least
// with the same state. A retry repeats all three (2026-07-28,
// basic/patterns/mrtr), but a server may give one state to all calls, or none.
func (p *pending) requesterOf(state, tool string, paramsHash sign.Hash) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	best, rank := -1, 0
	for i, w := range p.inputRequests {
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
	p.inputRequests[best].granted = true
	return p.inputRequests[best].receipt
}

// left returns the calls without an outcome, oldest first: those whose task
// is known to have ended, and the others and why they have none. These get none any more.
func (p *pending) left(ended string) (ends []taskEnd, never []event.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.order {
		u := event.Call{ID: c.receipt, Reason: ended}
		switch {
		case c.settled:
			continue
		case c.taskEnd != nil:
			ends = append(ends, taskEnd{c, *c.taskEnd})
			continue
		case c.action.CallID == "":
			u.Reason = "it had no id"
		case c.cancelled:
			u.Reason = "cancelled by the client"
		case c.task != "":
			u.Reason = "the result of its task was never fetched"
		}
		u.Reason += p.doubt(c)
		never = append(never, u)
		p.settle(c)
	}
	return ends, never
}

// doubt is what follows the reason why a call has no outcome, if its response may
// have been one that could not be read.
func (p *pending) doubt(c *loggedCall) string {
	switch n := p.unreadable - c.before; {
	case c.key == "":
		return ""
	case c.unreadable > 0:
		return "; a message that may be its response could not be read"
	case n > 0:
		return fmt.Sprintf("; messages that could not be read and may be its response: %d", n)
	}
	return ""
}

// taskEnd is a call and how its task ended.
type taskEnd struct {
	call *loggedCall
	end  mcpwire.Response
}
