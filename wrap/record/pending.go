package record

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// pending are the requests that wait for a response, and the tasks: calls, requests
// about their tasks, and requests about the server and its tools. Requests of the
// server to the client have other ids and are not in it.
//
// It is bounded: of more than maxOpen calls, or more than maxOpenBytes, the oldest
// are dropped.
type pending struct {
	expected atomic.Int64 // number of requests in waiting and of tasks; readable without mu
	cosigned atomic.Int64 // number of calls without an outcome whose responses are to be cosigned
	lists    atomic.Int64 // number of tools/list requests in waiting

	mu            sync.Mutex             // guards all below
	waiting       map[string][]request   // by the loose key of the id, oldest first
	others        int                    // number of requests in waiting that are not calls
	tasks         map[string]*loggedCall // calls that became tasks, by the id of the task
	inputRequests []inputRequest         // oldest first
	order         []*loggedCall          // all calls without an outcome, oldest first, and some that have one
	open          int                    // calls without an outcome
	openBytes     int                    // the memory that these calls take
	unreadable    int                    // messages of the server without a readable id

	// The last calls that had a response: by the loose key, and as a ring of these
	// keys.
	responded map[string]lastResponse
	recent    [maxResponded]string
	next      int
}

// How many are remembered: calls without an outcome, other requests, calls whose
// response asked for input, calls that had a response. A call takes about 700
// bytes, plus a long name or id.
const (
	maxOpen          = 20_000
	maxOpenBytes     = 64 << 20
	maxOthers        = 1_000
	maxInputRequests = 1_000
	maxResponded     = 512
)

// lastResponse is the response of a call that has had one.
type lastResponse struct {
	key, receipt string
	more         bool // a second response came and is in the log
}

// request is a request that waits for its response.
type request struct {
	about     about
	key       string      // the id as mcpwire.IDKey
	call      *loggedCall // the call, or the call whose task the request is about; else nil
	cancelled bool
}

// about is the kind of a request.
type about int

const (
	aboutCall       about = iota // tools/call
	aboutTaskResult              // tasks/result: its response is that of the call
	aboutTask                    // tasks/get, tasks/cancel: its response may say that the task ended
	aboutServer                  // initialize, server/discover
	aboutTools                   // tools/list, the first page
	aboutMoreTools               // tools/list, a further page
)

func (a about) isList() bool { return a == aboutTools || a == aboutMoreTools }

func newPending() *pending {
	return &pending{waiting: map[string][]request{}, tasks: map[string]*loggedCall{}, responded: map[string]lastResponse{}}
}

// sent adds a request that is not a call, if there is room for it.
func (p *pending) sent(id string, what about, taskID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" || p.others >= maxOthers {
		return
	}
	r := request{about: what, key: id}
	if what == aboutTask || what == aboutTaskResult {
		if r.call = p.tasks[taskID]; r.call == nil {
			return // no task of a call
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

// take removes the i-th request with this loose key.
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

// used says that the client used an id for a request that is not followed. With ""
// the id is unknown and may be any.
func (p *pending) used(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" {
		clear(p.responded)
	} else {
		delete(p.responded, mcpwire.LooseKey(id))
	}
}

// remembers says whether a call that had a response is remembered.
func (p *pending) remembers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.responded) > 0
}

// match says how a response was matched with a request.
type match int

const (
	noMatch    match = iota
	exactMatch       // the ids are equal
	looseMatch       // some clients take the ids for equal
	late             // the call had a response before
)

// response removes and returns the request of a response: the oldest with an equal
// id, but one that was not cancelled is preferred. If there is none, and no call
// with an equal id had a response recently, it is a request whose id some clients
// take for equal (sign/FORMAT.md, "Version 2"). For late, receipt is the call's.
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

// couldNotRead counts an unreadable message that may be a response: to the requests
// with this loose key, or to any request if loose is "". It says whether a
// tools/list is among them.
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

// cancelled says that the client no longer wants the responses to this id. One may
// come anyway.
func (p *pending) cancelled(id string) {
	p.each(id, func(c *loggedCall) { c.cancelled = true })
}

// noResponse says why the calls with this id get no response. One may come anyway.
func (p *pending) noResponse(id, reason string) {
	p.each(id, func(c *loggedCall) { c.lost = reason })
}

// each calls lose for the calls that wait with this id, which give way to others
// with it from now on.
func (p *pending) each(id string, lose func(*loggedCall)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.waiting[mcpwire.LooseKey(id)]
	for i, r := range waiting {
		if r.key != id {
			continue
		}
		waiting[i].cancelled = true
		if r.about == aboutCall {
			lose(r.call)
		}
	}
}
