package wrap

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// observer follows both directions, beside them: it binds responses to the calls
// that are in the log, and learns who the peers are and what the tools are. It
// delays and changes nothing; what it does not understand, it passes over.
type observer struct {
	rec     *recorder
	pending *pending
	read    mcpwire.ResponseReader

	advised bool // advise has said it; of the goroutine that reads responses

	framed atomic.Bool // the client sends frames with Content-Length, and so reads them

	// What the server wrote, in pieces: how many have begun to go to the
	// client, and how many of them have been looked at.
	begun, seen atomic.Int64
	at          time.Time // when the last of them came; of the goroutine that relays

	mu       sync.Mutex
	outcomes *outcomes // from the first call on
	session  session
	tools    toolList
	hash     func(command []string) *commandFiles // hashFiles
	files    *commandFiles                        // from the first call on

	// The session's event waits for the hashes of its files, but not beyond ending.
	telling sync.WaitGroup
	ending  chan struct{}
	ends    sync.Once // closes ending
}

func newObserver(rec *recorder) *observer {
	o := &observer{rec: rec, pending: newPending(), hash: hashFiles, ending: make(chan struct{})}
	o.read = mcpwire.ResponseReader{
		Wanted: func() bool { return o.pending.expected.Load() > 0 || o.pending.remembers() },
		Listed: func() bool { return o.pending.lists.Load() > 0 },
		Framed: o.framed.Load,
		Found:  o.found,
	}
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
	if o == nil {
		return
	}
	if len(message) > maxNoted {
		o.pending.used("")
		return
	}
	for _, method := range noted {
		if bytes.Contains(message, method) {
			o.note(message)
			return
		}
	}
	if o.pending.remembers() {
		o.pending.used(mcpwire.IDIn(message))
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
		task := mcpwire.TaskKey(params.MemberText(message, "taskId"))
		switch m.MemberText(message, "method") {
		case "initialize", "server/discover":
			o.mu.Lock()
			o.session.clientSays(message, params)
			o.mu.Unlock()
			o.pending.sent(key, aboutServer, "")
		case "tools/list":
			what := aboutTools
			if cursor, ok := params.Member("cursor"); ok && cursor.Kind == '"' {
				what = aboutMoreTools
			}
			o.pending.sent(key, what, "")
		case "tasks/result":
			o.catchUp()
			o.pending.sent(key, aboutTaskResult, task)
		case "tasks/get":
			o.catchUp()
			o.pending.sent(key, aboutTask, task)
		case "tasks/cancel":
			o.catchUp()
			o.pending.taskCancelled(task)
			o.pending.sent(key, aboutTask, task)
		case "notifications/cancelled":
			id, _ := params.Member("requestId")
			o.pending.cancelled(mcpwire.IDKey(id.Raw(message)))
		default:
			if key != "" {
				o.pending.used(key)
			}
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
func (o *observer) parentOf(c *mcpwire.Call, paramsHash sign.Hash) string {
	if o == nil || !c.BringsInput {
		return ""
	}
	o.catchUp()
	return o.pending.askerOf(c.State, c.Tool, paramsHash)
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
		o.files = o.hash(o.rec.opts.Command)
		o.tellSession()
	}
	if j, ok := o.tools.changed(o.rec); ok {
		o.outcomes.add(j)
	}
	for _, a := range as {
		if givenUp := o.pending.callSent(a); givenUp != nil {
			o.outcomes.add(unansweredJob(o.rec.session, givenUp))
		}
	}
}

// framedBy notes that the client has sent a frame with Content-Length.
func (o *observer) framedBy() {
	if o != nil {
		o.framed.Store(true)
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

// outputEnded says that the server's output is over.
func (o *observer) outputEnded() {
	if o != nil {
		o.read.End()
	}
}

// found is given each response of the server.
func (o *observer) found(a mcpwire.Response) {
	a.At = o.at
	if a.Unreadable {
		o.couldNotRead(a.Loose)
		return
	}
	if a.Task != "" {
		if c, ok := o.pending.taskOf(a.Task); ok {
			o.taskAnswered(c, a)
		}
		return
	}
	odd := a.Doubt
	r, receipt, how := o.pending.response(a.ID, a.Loose)
	switch how {
	case noMatch:
		if a.IDTwice {
			o.couldNotRead("") // a client that takes the first may have a response
		}
		return
	case late:
		sum, _ := a.ContentHash()
		outcome := outcomeOf(a, true)
		o.add(job{event: event.ExtraResponse{Session: o.rec.session, Call: receipt, ContentHash: sum, Status: outcome.Status, Reason: outcome.Reason}})
		return
	case looseMatch:
		a.Doubt = join(a.Doubt, "its id is not spelled as the call's")
	}
	if r.call != nil && r.call.unreadable > 0 {
		a.Doubt = join(a.Doubt, "a message before it that may be the response could not be read")
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
	case aboutTools, aboutMoreTools:
		if a.Listing != nil && !a.Failed {
			o.mu.Lock()
			o.tools.listed(a.Listing, r.about == aboutTools)
			if odd != "" {
				o.tools.notRead(odd) // clients may have another
			}
			o.mu.Unlock()
		}
	}
}

// couldNotRead notes a message that could not be read and may be a response.
func (o *observer) couldNotRead(loose string) {
	if o.pending.couldNotRead(loose) {
		o.mu.Lock()
		o.tools.notRead("a listing that cannot be read")
		o.mu.Unlock()
	}
}

// join is two reasons in one.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (o *observer) callAnswered(c *asked, a mcpwire.Response) {
	o.advise(a)
	if !a.Failed {
		o.learnServer(a)
		switch s := a.Said; {
		case s.Handle != "":
			// The handle is not the result: that is bound when it is fetched.
			o.pending.becameTask(c, s.Handle, s.HandleCut)
			o.add(job{event: event.Task{Session: o.rec.session, Call: c.receipt, Task: shorten(s.Handle)}})
			return
		case s.Input:
			o.pending.askedForInput(asker{state: s.State, tool: c.action.Tool, paramsHash: c.paramsHash, receipt: c.receipt})
		}
	}
	o.settle(c, a)
}

// learnServer takes who the server is from the response to a call, if it did not
// say before: without a handshake, it may say so in every result (2026-07-28,
// basic). The session is then told again.
func (o *observer) learnServer(a mcpwire.Response) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session.server == nil && bytes.Contains(a.Value, []byte(mcpwire.MetaServer)) {
		o.session.serverSays(a.Value)
		o.tellSession()
	}
}

// tellSession puts the session's event into the log as soon as its files are
// hashed, and in any case by the end of the session or after hashTime. It needs mu.
func (o *observer) tellSession() {
	e, files := o.session.event(o.rec), o.files
	o.telling.Go(func() {
		timer := time.NewTimer(hashTime)
		defer timer.Stop()
		select {
		case <-files.done:
		case <-timer.C:
		case <-o.ending:
		}
		e.Files = files.sofar()
		o.add(job{event: e})
	})
}

// taskResultAnswered looks at a response to tasks/result, which is what that to the
// call would have been (2025-11-25, basic/utilities/tasks, "Result
// Retrieval"); but an error may also be one of this request.
func (o *observer) taskResultAnswered(c *asked, a mcpwire.Response) {
	if a.Failed {
		switch a.Said.Code {
		case "-32600", "-32601", "-32602", "-32800": // no such request or task, interrupted
			return
		}
	}
	o.settle(c, a)
}

// taskAnswered looks at a response to tasks/get or tasks/cancel, or at a
// notification, which may tell of the end of the task, and since 2026-07-28
// brings the result. An error is one of the request, and tells nothing.
func (o *observer) taskAnswered(c *asked, a mcpwire.Response) {
	if a.Failed {
		return
	}
	switch {
	case a.Inner != nil:
		in := *a.Inner
		in.At, in.Doubt = a.At, a.Doubt
		o.settle(c, in)
	case a.Said.Status == "cancelled":
		a.Ended = "the task was cancelled"
		o.settle(c, a)
	case a.Said.Status == "failed":
		// The error may be fetched yet, and often is not.
		a.Ended = "the task failed"
		o.pending.taskTold(c, a.Hashed())
	}
}

// settle records the outcome of a call, unless it has one.
func (o *observer) settle(c *asked, a mcpwire.Response) {
	if o.pending.settled(c) {
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
// whose end is known, the calls that have no response. It waits for all to be
// written, but not longer than patience.
func (o *observer) finish(ended string, patience time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	files := o.files
	o.mu.Unlock()
	if files != nil {
		select { // a short session, perhaps, of a large program
		case <-files.done:
		case <-time.After(min(patience/2, time.Second)):
		}
	}
	o.ends.Do(func() { close(o.ending) })
	o.telling.Wait()
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
	ends, never := o.pending.left(ended)
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
