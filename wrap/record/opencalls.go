package record

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// loggedCall is a call whose receipt is in the log.
type loggedCall struct {
	action     sign.Action // without arguments
	paramsHash sign.Hash
	receipt    string // its id
	at         time.Time
	key        string // the request's id as mcpwire.IDKey; "" if it has none
	hidden     string // why its arguments are kept nowhere; "": they are kept as those of others
	carried    []byte // the client's receipt, if the response is to be cosigned; else nil

	// Guarded by pending.mu.
	settled    bool              // its outcome is known, or it was dropped
	cancelled  bool              // by the client
	lost       string            // why no response comes; "": not known
	task       string            // id of the task that the call became; "": none
	taskEnd    *mcpwire.Response // the response that says how the task ended, if its result is not known
	unreadable int               // number of unreadable messages that may be its response
	before     int               // pending.unreadable when the call was sent
}

// hidesArguments says whether the arguments are not in the log, so that nothing else in
// it may repeat them.
func (c *loggedCall) hidesArguments() bool { return c.action.HashOnly || c.action.Apart }

func (c *loggedCall) size() int {
	return 700 + len(c.action.Tool) + len(c.action.CallID) + len(c.key) + len(c.carried)
}

// inputRequest is a call whose response asked for input.
type inputRequest struct {
	state      string // mcpwire.StateKey of requestState; "" if the server gave none
	tool       string
	paramsHash sign.Hash
	receipt    string // id of the call's receipt
	granted    bool   // a later call gave the input
}

// callSent adds a call, before the server gets it. It returns the calls that were
// dropped to make room for it.
func (p *pending) callSent(c *loggedCall) (givenUp []event.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = append(p.order, c)
	p.open++
	p.openBytes += c.size()
	if c.carried != nil {
		p.cosigned.Add(1)
	}
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

// giveUp drops the n oldest calls.
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

// taskOf returns the call that became this task, if it has no outcome yet.
func (p *pending) taskOf(id string) (*loggedCall, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.tasks[id]
	return c, ok
}

// settled says that the outcome of a call is known now. It returns false if it was
// known before.
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
	if c.carried != nil {
		p.cosigned.Add(-1)
	}
	if c.task != "" && p.tasks[c.task] == c {
		delete(p.tasks, c.task)
		p.expected.Add(-1)
	}
}

// becameTask says that a call became a task. If cut, the id is only the beginning
// of the task's id, and no later response will match it.
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

// taskEnded keeps how the task of a call ended, in case its result is never
// fetched.
func (p *pending) taskEnded(c *loggedCall, a mcpwire.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.taskEnd = &a
}

// taskCancelled says that the client no longer wants the result of this task.
func (p *pending) taskCancelled(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.tasks[id]; c != nil {
		c.cancelled = true
	}
}

// inputRequested keeps a call whose response asked for input, so that the call that
// gives the input can be linked to it.
func (p *pending) inputRequested(w inputRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inputRequests) >= maxInputRequests {
		p.inputRequests = slices.Delete(p.inputRequests, 0, maxInputRequests/2)
	}
	p.inputRequests = append(p.inputRequests, w)
}

// requesterOf returns the receipt of the call that asked for the input that another
// call gives, "" if there is none. A retry repeats state, tool and arguments
// (2026-07-28, basic/patterns/mrtr), but a server may use one state for all calls,
// or none. So a call with the same three is preferred, then one with the same
// state.
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
			r-- // it may come again if the first retry was lost
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

// left returns the calls without an outcome, oldest first: ends are those whose
// task is known to have ended, never are the others, with the reason. They are
// settled by this.
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
		case c.lost != "":
			u.Reason = c.lost
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

// doubt is the addition to the reason why a call has no outcome, if an unreadable
// message may have been its response.
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

// taskEnd is a call and the response that says how its task ended.
type taskEnd struct {
	call *loggedCall
	end  mcpwire.Response
}
