package record

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Response looks for outcomes in a message of the server, of any kind: one JSON-RPC
// message, or a batch. It keeps no part of message. It must be called before the
// client gets the message, because the client's next request may refer to it.
func (r *Recorder) Response(message []byte) {
	s := r.session
	if s == nil || !s.wanted() {
		return
	}
	now := time.Now()
	for _, a := range mcpwire.Responses(message, s.listed()) {
		a.At = now
		s.found(a)
	}
}

// Outcome records the outcome of the call with this ID, as given to Calls, for a
// program that has no messages for Response. result is JSON text; its hash goes
// into the log. isError says that the call failed. It does nothing if no call with
// this ID waits. Close records calls that have no outcome until then.
func (r *Recorder) Outcome(id, result json.RawMessage, isError bool) {
	s, key := r.session, mcpwire.IDKey(id)
	if s == nil || key == "" || !s.wanted() {
		return
	}
	s.found(mcpwire.Response{
		At: time.Now(), ID: key, Loose: mcpwire.LooseKey(key),
		Value: append([]byte{}, result...), Said: mcpwire.Said{IsError: isError},
	})
}

// NoResponse says that no response to the call with this ID will come, as far as the
// client knows, and why: a few words for the log. A response that comes all the same
// counts.
func (r *Recorder) NoResponse(id json.RawMessage, reason string) {
	if key := mcpwire.IDKey(id); r.session != nil && key != "" {
		r.session.pending.noResponse(key, shorten(reason))
	}
}

// wanted says whether a response matters now: a request waits for one, or had one
// that a second may follow.
func (s *session) wanted() bool { return s.pending.expected.Load() > 0 || s.pending.remembers() }

// listed says whether a tools/list waits for its response.
func (s *session) listed() bool { return s.pending.lists.Load() > 0 }

// found takes each response of the server.
func (s *session) found(a mcpwire.Response) { s.foundWith(a, nil) }

// foundWith is found for a response that is held in x; nil: it is not held.
func (s *session) foundWith(a mcpwire.Response, x *cosigning) {
	if a.Unreadable {
		s.couldNotRead(a.Loose)
		return
	}
	if a.Task != "" {
		if c, ok := s.pending.taskOf(a.Task); ok {
			s.taskResponse(c, a)
		}
		return
	}
	doubt := a.Doubt
	r, receipt, how := s.pending.response(a.ID, a.Loose)
	switch how {
	case noMatch:
		if a.IDTwice {
			s.couldNotRead("") // a client that reads the first id may have its response
		}
		return
	case late:
		sum, _ := a.ContentHash()
		outcome := outcomeOf(a, true)
		s.queue.add(item{event: event.ExtraResponse{Session: s.id, Call: receipt, ContentHash: sum, Status: outcome.Status, Reason: outcome.Reason}})
		return
	case looseMatch:
		a.Doubt = join(a.Doubt, "its id is not spelled as the call's")
	}
	if r.call != nil && r.call.unreadable > 0 {
		a.Doubt = join(a.Doubt, "a message before it that may be the response could not be read")
	}
	switch r.about {
	case aboutCall:
		s.callResponse(r.call, a, x)
	case aboutTaskResult:
		s.taskResult(r.call, a)
	case aboutTask:
		s.taskResponse(r.call, a)
	case aboutServer:
		if !a.Failed {
			s.mu.Lock()
			s.peers.serverSays(a.Value)
			s.mu.Unlock()
		}
	case aboutTools, aboutMoreTools:
		if a.Listing != nil && !a.Failed {
			s.mu.Lock()
			s.tools.listed(a.Listing, r.about == aboutTools)
			s.definitions.listed(a.Listing)
			if doubt != "" {
				s.tools.notRead(doubt) // clients may have read another listing
			}
			s.mu.Unlock()
		}
	}
}

// couldNotRead takes an unreadable message that may be a response.
func (s *session) couldNotRead(loose string) {
	if s.pending.couldNotRead(loose) {
		s.mu.Lock()
		s.tools.notRead("a listing that cannot be read")
		s.mu.Unlock()
	}
}

// join joins two reasons.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (s *session) callResponse(c *loggedCall, a mcpwire.Response, x *cosigning) {
	s.advise(a)
	if !a.Failed {
		s.learnServer(a)
		switch said := a.Said; {
		case said.Handle != "":
			// The handle is not the result. The result is recorded when it is fetched.
			s.pending.becameTask(c, said.Handle, said.HandleCut)
			s.queue.add(item{event: event.Task{Session: s.id, Call: c.receipt, Task: shorten(said.Handle)}})
			return
		case said.Input:
			s.pending.inputRequested(inputRequest{state: said.State, tool: c.action.Tool, paramsHash: c.paramsHash, receipt: c.receipt})
		}
	}
	if c.carried != nil {
		a = s.cosigned(c, a, x)
	}
	s.settle(c, a)
}

// learnServer takes the server's description from the response to a call, if none
// is known: without a handshake, every result may have it (2026-07-28, basic). Then
// the session's event is recorded again.
func (s *session) learnServer(a mcpwire.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers.server == nil && bytes.Contains(a.Value, []byte(mcpwire.MetaServer)) {
		s.peers.serverSays(a.Value)
		s.logSession()
	}
}

// taskResult takes a response to tasks/result. It is what the response to the call
// would have been (2025-11-25, basic/utilities/tasks, "Result Retrieval"), but an
// error may be about this request.
func (s *session) taskResult(c *loggedCall, a mcpwire.Response) {
	if a.Failed {
		switch a.Said.Code {
		case "-32600", "-32601", "-32602", "-32800": // invalid request, no such task, cancelled
			return
		}
	}
	s.settle(c, ofTask(c, a))
}

// ofTask says in the result of a task that it is not cosigned, if a result of the call
// would be.
func ofTask(c *loggedCall, a mcpwire.Response) mcpwire.Response {
	if c.carried != nil {
		a.Doubt = join(a.Doubt, "not cosigned: it is the result of a task")
	}
	return a
}

// taskResponse takes a response to tasks/get or tasks/cancel, or a notification. It
// may say that the task ended, and since 2026-07-28 has the result. An error is
// about the request only.
func (s *session) taskResponse(c *loggedCall, a mcpwire.Response) {
	if a.Failed {
		return
	}
	switch {
	case a.Inner != nil:
		in := *a.Inner
		in.At, in.Doubt = a.At, a.Doubt
		s.settle(c, ofTask(c, in))
	case a.Said.Status == "cancelled":
		a.Ended = "the task was cancelled"
		s.settle(c, a)
	case a.Said.Status == "failed":
		// The client may still fetch the error; often it does not.
		a.Ended = "the task failed"
		s.pending.taskEnded(c, a.Hashed())
	}
}

// settle records the outcome of a call, unless it has one.
func (s *session) settle(c *loggedCall, a mcpwire.Response) {
	if s.pending.settled(c) {
		s.queue.add(item{call: c, response: a})
	}
}
