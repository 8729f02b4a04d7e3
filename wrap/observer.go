package wrap

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// observer follows both directions, beside them: it binds answers to the calls
// that are in the log, and learns who the peers are and what the tools are. It
// delays and changes nothing; what it does not understand, it passes over.
type observer struct {
	rec    *recorder
	ledger *ledger
	read   mcpwire.ResponseReader

	// What the server wrote, in pieces: how many have begun to go to the
	// client, and how many of them have been looked at.
	begun, seen atomic.Int64
	at          time.Time // when the last of them came; of the goroutine that relays

	mu       sync.Mutex
	outcomes *outcomes // from the first call on
	session  session
	tools    toolbox
}

func newObserver(rec *recorder) *observer {
	o := &observer{rec: rec, ledger: newLedger()}
	o.read = mcpwire.ResponseReader{Wanted: func() bool { return o.ledger.expected.Load() > 0 }, Found: o.answered}
	return o
}

// maxNoted is the longest message, in bytes, that is looked at for what is no
// call: the requests that matter are short.
const maxNoted = 64 << 10

// noted are parts of the methods that matter besides tools/call, such as stand
// in the message also where a slash is escaped, as PHP does.
var noted = [][]byte{[]byte(`"initialize"`), []byte(`/discover"`), []byte(`/list"`), []byte(`"tasks`), []byte(`/cancelled"`)}

// sent looks at a message for what is no call in it, before it goes to the
// server.
func (o *observer) sent(message []byte) {
	if o == nil || len(message) > maxNoted {
		return
	}
	for _, method := range noted {
		if bytes.Contains(message, method) {
			o.note(message)
			return
		}
	}
}

func (o *observer) note(message []byte) {
	root, err := mcpwire.Parse(message, 0)
	if err != nil {
		return
	}
	messages := root.Elements
	if root.Kind == '{' {
		messages = []mcpwire.Value{root}
	}
	for _, m := range messages {
		id, _ := m.Member("id")
		params, _ := m.Member("params")
		key := mcpwire.IDKey(id.Raw(message))
		task := params.MemberText(message, "taskId")
		switch m.MemberText(message, "method") {
		case "initialize", "server/discover":
			o.mu.Lock()
			o.session.clientSays(message, params)
			o.mu.Unlock()
			o.ledger.sent(key, aboutServer, "")
		case "tools/list":
			o.ledger.sent(key, aboutTools, "")
		case "tasks/result":
			o.catchUp()
			o.ledger.sent(key, aboutTaskResult, task)
		case "tasks/get":
			o.catchUp()
			o.ledger.sent(key, aboutTask, task)
		case "tasks/cancel":
			o.catchUp()
			o.ledger.taskCancelled(task)
			o.ledger.sent(key, aboutTask, task)
		case "notifications/cancelled":
			id, _ := params.Member("requestId")
			o.ledger.cancelled(mcpwire.IDKey(id.Raw(message)))
		}
	}
}

// catchUp waits, for a moment at most, until all that the client has got has
// been looked at: its next request may refer to it.
func (o *observer) catchUp() {
	begun := o.begun.Load()
	for range 50 {
		if o.seen.Load() >= begun {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// parentOf is the receipt of the call that asked for what this one brings, "" if
// it brings nothing (2026-07-28, basic/patterns/mrtr).
func (o *observer) parentOf(c *mcpwire.Call, paramsHash string) string {
	if o == nil || !c.BringsInput {
		return ""
	}
	o.catchUp()
	return o.ledger.wishOf(c.State, c.Tool, paramsHash)
}

// called notes calls that are in the log, before the server may see them.
func (o *observer) called(calls []mcpwire.Call, as []*asked, outcomes *outcomes) {
	if o == nil || len(calls) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outcomes == nil {
		o.outcomes = outcomes
		o.session.callSays(&calls[0])
		o.outcomes.add(o.session.event(o.rec))
	}
	if j, ok := o.tools.changed(o.rec); ok {
		o.outcomes.add(j)
	}
	for _, a := range as {
		if givenUp := o.ledger.callSent(a); givenUp != nil {
			o.outcomes.add(unansweredJob(o.rec.session, givenUp))
		}
	}
}

// begins says that the server wrote something, which the client is about to
// get and received will look at.
func (o *observer) begins() {
	if o != nil {
		o.at = time.Now()
		o.begun.Add(1)
	}
}

// received looks at what the server wrote and the client has got.
func (o *observer) received(p []byte) {
	if o != nil {
		o.read.Feed(p)
		o.seen.Add(1)
	}
}

// answered is given each answer of the server.
func (o *observer) answered(a mcpwire.Response) {
	a.At = o.at
	if a.Task != "" {
		if c, ok := o.ledger.taskOf(a.Task); ok {
			o.taskAnswered(c, a)
		}
		return
	}
	r, ok := o.ledger.answered(a.ID)
	if !ok {
		return
	}
	switch r.about {
	case aboutCall:
		o.callAnswered(r.call, a)
	case aboutTaskResult:
		o.taskResultAnswered(r.call, a)
	case aboutTask:
		o.taskAnswered(r.call, a)
	case aboutServer:
		if !a.Failed {
			o.mu.Lock()
			o.session.serverSays(a.Value)
			o.mu.Unlock()
		}
	case aboutTools:
		if !a.Failed {
			o.mu.Lock()
			o.tools.listed(a.Value)
			o.mu.Unlock()
		}
	}
}

func (o *observer) callAnswered(c *asked, a mcpwire.Response) {
	if !a.Failed {
		o.learnServer(a)
		switch s := a.Says(); {
		case s.Handle != "":
			// The handle is not the result: that is bound when it is fetched.
			o.ledger.becameTask(c, s.Handle)
			o.add(job{event: event.Task{Session: o.rec.session, Call: c.receipt, Task: s.Handle}})
			return
		case s.Input:
			o.ledger.wantsInput(wish{state: s.State, tool: c.action.Tool, paramsHash: c.paramsHash, receipt: c.receipt})
		}
	}
	o.settle(c, a)
}

// learnServer takes who the server is from the answer to a call, if it did not
// say before: without a handshake, it may say so in every result (2026-07-28,
// basic). The session is then told again.
func (o *observer) learnServer(a mcpwire.Response) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session.server == nil && bytes.Contains(a.Value, []byte(mcpwire.MetaServer)) {
		o.session.serverSays(a.Value)
		o.outcomes.add(o.session.event(o.rec))
	}
}

// taskResultAnswered looks at an answer to tasks/result, which is what the call
// would have been answered (2025-11-25, basic/utilities/tasks, "Result
// Retrieval"); but an error may also be one of this request.
func (o *observer) taskResultAnswered(c *asked, a mcpwire.Response) {
	if a.Failed {
		switch a.Says().Code {
		case "-32600", "-32601", "-32602", "-32800": // no such request or task, interrupted
			return
		}
	}
	o.settle(c, a)
}

// taskAnswered looks at an answer to tasks/get or tasks/cancel, or at a
// notification, which may tell of the end of the task, and since 2026-07-28
// brings the result. An error is one of the request, and tells nothing.
func (o *observer) taskAnswered(c *asked, a mcpwire.Response) {
	if a.Value != nil {
		a.Said = nil // more can be read than was as it streamed
	}
	switch s := a.Says(); {
	case s.Nested != nil:
		o.settle(c, mcpwire.NewResponse(mcpwire.Response{Failed: s.NestedFailed, At: a.At}, s.Nested))
	case s.Status == "completed" && a.Value == nil:
		// 2026-07-28 brings the result here, and 2025-11-25 nothing so large.
		a.Said = &mcpwire.Said{IsError: s.NestedIsError}
		o.settle(c, a)
	case s.Status == "cancelled":
		a.Ended = "the task was cancelled"
		o.settle(c, a)
	case s.Status == "failed":
		// The error may be fetched yet, and often is not.
		a.Ended = "the task failed"
		o.ledger.taskTold(c, a.Hashed())
	}
}

// settle records the outcome of a call, unless it has one.
func (o *observer) settle(c *asked, a mcpwire.Response) {
	if o.ledger.settled(c) {
		o.add(job{call: c, answer: a})
	}
}

func (o *observer) add(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outcomes != nil {
		o.outcomes.add(j)
	}
}

// finish records what is left: tools that changed after the last call, tasks
// whose end is known, the calls that were not answered. It waits for all to be
// written, but not longer than patience.
func (o *observer) finish(ended string, patience time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	out := o.outcomes
	if out != nil {
		if j, ok := o.tools.changed(o.rec); ok {
			out.add(j)
		}
	}
	o.mu.Unlock()
	if out == nil {
		return
	}
	ends, never := o.ledger.left(ended)
	for _, e := range ends {
		o.settle(e.call, e.end)
	}
	for calls := range slices.Chunk(never, maxListed) {
		out.add(unansweredJob(o.rec.session, calls))
	}
	out.finish(patience)
}

// maxListed bounds the calls that one event lists.
const maxListed = 1_000

func unansweredJob(session string, calls []event.Call) job {
	return job{event: event.Unanswered{Session: session, Calls: calls}}
}
