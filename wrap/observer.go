package wrap

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// observer follows both directions, beside them: it binds answers to the calls
// that are in the log, and learns who the peers are and what the tools are. It
// delays and changes nothing; what it does not understand, it passes over.
type observer struct {
	rec    *recorder
	ledger *ledger
	read   answers

	// behind is set while something that the client has got is not looked
	// at yet.
	behind atomic.Bool

	mu       sync.Mutex
	outcomes *outcomes // from the first call on
	session  session
	tools    toolbox
}

func newObserver(rec *recorder) *observer {
	o := &observer{rec: rec, ledger: newLedger()}
	o.read = answers{wanted: func() bool { return o.ledger.size.Load() > 0 }, found: o.answered}
	return o
}

// maxNoted is the longest message, in bytes, that is looked at for what is no
// call: the requests that matter are short.
const maxNoted = 64 << 10

// noted are the methods that matter besides tools/call.
var noted = [][]byte{[]byte(`"initialize"`), []byte(`"server/discover"`), []byte(`"tools/list"`), []byte(`"tasks/`), []byte(`"notifications/cancelled"`)}

// sent looks at a message that is no call, before it goes to the server.
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
	root, err := parse(message, 0)
	if err != nil {
		return
	}
	messages := root.elements
	if root.kind == '{' {
		messages = []value{root}
	}
	for _, m := range messages {
		id, _ := m.member("id")
		params, _ := m.member("params")
		text := func(v value, name string) string {
			x, _ := v.member(name)
			s, _ := x.text(message)
			return s
		}
		key := idKey(id.raw(message))
		switch text(m, "method") {
		case "initialize", "server/discover":
			o.mu.Lock()
			o.session.clientSays(message, params)
			o.mu.Unlock()
			o.ledger.sent(key, aboutServer, "")
		case "tools/list":
			o.ledger.sent(key, aboutTools, "")
		case "tasks/result":
			o.catchUp()
			o.ledger.sent(key, aboutTaskResult, text(params, "taskId"))
		case "tasks/get", "tasks/cancel":
			o.catchUp()
			o.ledger.sent(key, aboutTask, text(params, "taskId"))
		case "notifications/cancelled":
			id, _ := params.member("requestId")
			o.ledger.cancelled(idKey(id.raw(message)))
		}
	}
}

// catchUp waits, for a moment at most, until all that the client has got has
// been looked at: its next request may refer to it.
func (o *observer) catchUp() {
	for range 50 {
		if !o.behind.Load() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// parentOf is the receipt of the call that this one brings the input to, "" if
// it brings none (2026-07-28, basic/patterns/mrtr).
func (o *observer) parentOf(c *call) string {
	if o == nil || !c.bringsInput {
		return ""
	}
	o.catchUp()
	return o.ledger.wantedBy(inputKey(c.state, c.tool))
}

// inputKey finds the call that wanted input: by the state that the server gave
// it or, where it gave none, by the tool.
func inputKey(state, tool string) string {
	if state != "" {
		return "state:" + state
	}
	return "tool:" + tool
}

// called notes calls that are in the log, before the server may see them.
func (o *observer) called(calls []call, as []*asked) {
	if o == nil || len(calls) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outcomes == nil {
		o.outcomes = newOutcomes(o.rec)
		o.session.callSays(&calls[0])
		o.outcomes.add(o.session.event(o.rec))
	}
	if j, ok := o.tools.changed(o.rec); ok {
		o.outcomes.add(j)
	}
	for i, c := range calls {
		o.ledger.callSent(c.key, as[i])
	}
}

// begins says that the client is about to get what received will look at.
func (o *observer) begins() {
	if o != nil {
		o.behind.Store(true)
	}
}

// received looks at what the server wrote and the client has got.
func (o *observer) received(p []byte) {
	if o != nil {
		o.read.feed(p)
		o.behind.Store(false)
	}
}

// answered is given each answer of the server.
func (o *observer) answered(a answer) {
	r, ok := o.ledger.answered(a.id)
	if !ok {
		return
	}
	switch r.about {
	case aboutCall:
		o.callAnswered(r.call, a)
	case aboutTaskResult:
		o.settle(r.call, a)
	case aboutTask:
		o.taskAnswered(r.call, a)
	case aboutServer:
		if !a.failed {
			o.mu.Lock()
			o.session.serverSays(a.value)
			o.mu.Unlock()
		}
	case aboutTools:
		if !a.failed {
			o.mu.Lock()
			o.tools.listed(a.value)
			o.mu.Unlock()
		}
	}
}

func (o *observer) callAnswered(c *asked, a answer) {
	if !a.failed {
		switch s := a.says(); {
		case s.handle != "":
			// The handle is not the result: that is bound when it is fetched.
			o.ledger.becameTask(c, s.handle)
			o.add(job{kind: "task", members: []sign.Member{
				textMember("call", c.receipt), textMember("session", o.rec.session), textMember("task", s.handle)}})
			return
		case s.input:
			o.ledger.wantsInput(inputKey(s.state, c.action.Tool), c.receipt)
		}
	}
	o.settle(c, a)
}

// taskAnswered looks at an answer to tasks/get or tasks/cancel, which may tell
// of the end of the task, and since 2026-07-28 brings the result.
func (o *observer) taskAnswered(c *asked, a answer) {
	if a.failed {
		return // of the request about the task, not of the task
	}
	s := a.says()
	switch {
	case s.nested != nil:
		raw := s.nested.raw(a.value)
		o.settle(c, answer{failed: s.failed, value: raw, size: len(raw)})
	case s.status == "cancelled":
		a.cancelled = true
		o.settle(c, a)
	}
}

// settle records the outcome of a call, unless it has one.
func (o *observer) settle(c *asked, a answer) {
	if o.ledger.settled(c) {
		o.add(job{call: c, answer: a, at: time.Now()})
	}
}

func (o *observer) add(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.outcomes != nil {
		o.outcomes.add(j)
	}
}

// finish lists the calls that were not answered and waits for all outcomes to
// be written, but not longer than patience.
func (o *observer) finish(ended string, patience time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	out := o.outcomes
	o.mu.Unlock()
	if out == nil {
		return
	}
	left := o.ledger.left(ended)
	for len(left) > 0 {
		n := min(len(left), maxListed)
		out.add(unansweredJob(o.rec.session, left[:n]))
		left = left[n:]
	}
	out.finish(patience)
}

// maxListed bounds the calls that one event lists.
const maxListed = 1_000

func unansweredJob(session string, calls []unanswered) job {
	list := make([]map[string]string, len(calls))
	for i, u := range calls {
		list[i] = map[string]string{"call": u.receipt, "reason": u.reason}
	}
	return job{kind: "unanswered", members: []sign.Member{jsonMember("calls", list), textMember("session", session)}}
}
