package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestTasks: the handle of a task is not the result of the call.
func TestTasks(t *testing.T) {
	const (
		call      = `> {"id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":60000}}}`
		created   = `< {"id":1,"result":{"task":{"taskId":"t/1","status":"working","ttl":60000}}}` // 2025-11-25
		create    = `< {"id":1,"result":{"resultType":"task","taskId":"t/1","status":"working"}}`  // 2026-07-28
		fetch     = `> {"id":2,"method":"tasks/result","params":{"taskId":"t/1"}}`
		get       = `> {"id":3,"method":"tasks/get","params":{"taskId":"t/1"}}`
		cancel    = `> {"id":4,"method":"tasks/cancel","params":{"taskId":"t/1"}}`
		working   = `< {"id":3,"result":{"taskId":"t/1","status":"working"}}`
		fetched   = `< {"id":2,"result":{"content":[]}}`
		failed    = `{"taskId":"t/1","status":"failed","statusMessage":"m"}`
		cancelled = `{"taskId":"t/1","status":"cancelled"}`
	)
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"fetched", []string{call, created, get, working, fetch, fetched}, `executed {"content":[]}`},
		{"fetched while it ran", []string{call, created, fetch, get, working, fetched}, `executed {"content":[]}`},
		{"fetched twice", []string{call, created, fetch, fetched, fetch, `< {"id":2,"result":"again"}`}, `executed {"content":[]}`},
		{"isError", []string{call, created, fetch, `< {"id":2,"result":{"isError":true}}`}, `failed, isError {"isError":true}`},
		{"error", []string{call, created, fetch, `< {"id":2,"error":{"code":-32603,"message":"m"}}`}, `failed, JSON-RPC error, -32603: m {"code":-32603,"message":"m"}`},
		{"escaped slashes", []string{call, created, `> {"id":2,"method":"tasks\/result","params":{"taskId":"t\/1"}}`, fetched}, `executed {"content":[]}`},
		{"fetched in a batch with a call", []string{call, created, `> [{"id":2,"method":"tasks/result","params":{"taskId":"t/1"}}]`, fetched}, `executed {"content":[]}`},
		{"an error of the request, then the result",
			[]string{call, created, fetch, `< {"id":2,"error":{"code":-32602,"message":"not yet"}}`, fetch, fetched}, `executed {"content":[]}`},
		{"an error of the request",
			[]string{call, created, fetch, `< {"id":2,"error":{"code":-32602,"message":"expired"}}`}, `unanswered, the result of its task was never fetched`},
		{"failed, not fetched",
			[]string{call, created, get, `< {"id":3,"result":` + failed + `}`}, `failed, the task failed ` + failed},
		{"failed, fetched",
			[]string{call, created, get, `< {"id":3,"result":` + failed + `}`, fetch, `< {"id":2,"result":{"isError":true}}`}, `failed, isError {"isError":true}`},
		{"failed, says a notification",
			[]string{call, created, `< {"method":"notifications/tasks/status","params":` + failed + `}`}, `failed, the task failed ` + failed},
		{"failed, says a notification of another task",
			[]string{call, created, `< {"method":"notifications/tasks/status","params":{"taskId":"t1","status":"failed"}}`}, `unanswered, the result of its task was never fetched`},
		{"cancelled", []string{call, created, cancel, `< {"id":4,"result":` + cancelled + `}`}, `failed, the task was cancelled ` + cancelled},
		{"cancelled, and refused", []string{call, created, cancel, `< {"id":4,"error":{"code":-32602}}`, fetch, fetched}, `executed {"content":[]}`},
		{"never fetched", []string{call, created, get, working}, `unanswered, the result of its task was never fetched`},
		{"another task", []string{call, created, `> {"id":2,"method":"tasks/result","params":{"taskId":"t1"}}`, fetched}, `unanswered, the result of its task was never fetched`},

		{"2026 completed", []string{call, create, get, working, get, `< {"id":3,"result":{"status":"completed","result":{"content":[]}}}`}, `executed {"content":[]}`},
		{"2026 completed with isError", []string{call, create, get, `< {"id":3,"result":{"status":"completed","error":null,"result":{"isError":true}}}`}, `failed, isError {"isError":true}`},
		{"2026 failed", []string{call, create, get, `< {"id":3,"result":{"status":"failed","error":{"code":-1},"result":null}}`}, `failed, JSON-RPC error, -1 {"code":-1}`},
		{"2026 pushed", []string{call, create, `< {"method":"notifications/tasks","params":{"taskId":"t/1","status":"completed","result":{"content":[]}}}`}, `executed {"content":[]}`},
		{"2026 cancelled", []string{call, create, cancel, `< {"id":4,"result":{"resultType":"complete"}}`}, `unanswered, cancelled by the client`},
		{"2026 cancelled, as is seen", []string{call, create, cancel, `< {"id":4,"result":{}}`, get, `< {"id":3,"result":` + cancelled + `}`}, `failed, the task was cancelled ` + cancelled},
		{"2026 cancelled too late", []string{call, create, cancel, `< {"id":4,"result":{}}`, get, `< {"id":3,"result":{"status":"completed","result":{"content":[]}}}`}, `executed {"content":[]}`},
		{"2026 not found", []string{call, create, get, `< {"id":3,"error":{"code":-32602}}`}, `unanswered, the result of its task was never fetched`},

		{"no task after all", []string{call, `< {"id":1,"result":{"task":{"status":"working"}}}`}, `executed {"task":{"status":"working"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newScene(t).expect(c.lines, "1 "+c.want)
			events := st.of("task")
			if c.name == "no task after all" {
				if len(events) > 0 {
					t.Errorf("events of tasks: %+v", events)
				}
				return
			}
			if len(events) != 1 || events[0].Call != st.calls[0].ID || events[0].Task != "t/1" || events[0].Session != st.calls[0].Session {
				t.Errorf("events of tasks: %+v", events)
			}
		})
	}
}

// TestLongTaskIDs: the handle of a task is no result, however long it is.
func TestLongTaskIDs(t *testing.T) {
	long := strings.Repeat("t", 20_000)
	created, ended := `< {"id":1,"result":{"task":{"taskId":"`+long+`","status":"working"}}}`, `{"taskId":"`+long+`","status":"completed","result":{"isError":true}}`
	for _, c := range []struct {
		want  string
		lines []string
	}{
		{`failed, isError {"isError":true}`, []string{`< {"id":1,"result":{"resultType":"task","taskId":"` + long + `"}}`,
			`> {"id":2,"method":"tasks/get","params":{"taskId":"` + long + `"}}`, `< {"id":2,"result":` + ended + `}`}},
		{`failed, isError {"isError":true}`, []string{created, `> {"id":2,"method":"tasks/result","params":{"taskId":"` + long + `"}}`, `< {"id":2,"result":{"isError":true}}`}},
		{`failed, isError {"isError":true}`, []string{created, `< {"method":"notifications/tasks","params":` + ended + `}`}},
		{"unanswered, the result of its task was never fetched; a message that may be its response could not be read",
			[]string{strings.Replace(created, long, strings.Repeat(long, 4), 1)}},
	} {
		st := newScene(t).expect(append([]string{"> " + toolCall("1", "t")}, c.lines...), "1 "+c.want)
		if events := st.of("task"); len(events) != 1 || !strings.HasPrefix(events[0].Task, "ttt") || len(events[0].Task) > 300 {
			t.Errorf("%d events of tasks", len(events))
		}
	}
}

// TestLargeTaskResults: inside the response to tasks/get, and too large to parse
// or even to keep.
func TestLargeTaskResults(t *testing.T) {
	for _, size := range []int{mcpwire.ReadSize, mcpwire.MaxKept} {
		result := `{"isError":true,"content":"` + strings.Repeat("x", size) + `"}`
		task := `{"status":"completed","result":` + result + `}`
		s := newScene(t)
		s.play("> "+toolCall("1", "t"), `< {"id":1,"result":{"resultType":"task","taskId":"t"}}`,
			`> {"id":2,"method":"tasks/get","params":{"taskId":"t"}}`, `< {"id":2,"result":`+task+`}`)
		st := s.end()
		s.said = nil
		want := "1 failed, isError " + canonicalHash(t, result)
		if size == mcpwire.MaxKept {
			want = fmt.Sprintf("1 failed, isError; content_hash is of the %d bytes as sent %s", len(result), rawHash(result))
		}
		if got := s.tell(st); len(got) != 1 || got[0] != want {
			t.Errorf("%d bytes:\n got %q\nwant %q", size, got, want)
		}
	}
}

// TestRetries: a call that brings input is linked to the one that asked for it
// (2026-07-28, basic/patterns/mrtr).
func TestRetries(t *testing.T) {
	asker := func(id, state string) string {
		return `< {"id":` + id + `,"result":{"resultType":"input_required","inputRequests":{}` + state + `}}`
	}
	long := `"requestState":"` + strings.Repeat("s", 1<<20) + `"` // too long to be remembered
	const (
		brings = `"inputResponses":{"x":{}}`
		state  = `,"requestState":"s/1"`
		echo   = `"requestState":"s/1"`
		a, b   = `"arguments":{"x":1}`, `"arguments":{"x":2}`
	)
	for _, c := range []struct {
		name  string
		lines []string
		want  []int
	}{
		{"with a state", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a, brings, echo)}, []int{-1, 0}},
		{"with a state alone", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a, echo)}, []int{-1, 0}},
		{"without a state", []string{"> " + toolCall("1", "t", a), asker("1", ""), "> " + toolCall("2", "t", a, brings)}, []int{-1, 0}},
		{"without arguments", []string{"> " + toolCall("1", "t"), asker("1", ""), "> " + toolCall("2", "t", brings)}, []int{-1, 0}},
		{"a state spelled otherwise", []string{"> " + toolCall("1", "t", a), asker("1", `,"requestState":"\u0073\/1"`), "> " + toolCall("2", "t", a, echo)}, []int{-1, 0}},
		{"arguments spelled otherwise", []string{"> " + toolCall("1", "t", a), asker("1", ""), "> " + toolCall("2", "t", `"arguments": { "x" : 1.0 }`, brings)}, []int{-1, 0}},
		{"a state, and other arguments", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", b, echo)}, []int{-1, 0}},
		{"no input", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a)}, []int{-1, -1}},
		{"nothing was asked", []string{"> " + toolCall("1", "t", a), `< {"id":1,"result":{}}`, "> " + toolCall("2", "t", a, brings)}, []int{-1, -1}},
		{"another state", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a, `"requestState":"s2"`)}, []int{-1, -1}},
		{"a state of more than 1 MiB", []string{"> " + toolCall("1", "t", a), asker("1", ","+long), "> " + toolCall("2", "t", a, long)}, []int{-1, -1}},
		{"another tool, no state", []string{"> " + toolCall("1", "t", a), asker("1", ""), "> " + toolCall("2", "u", a, brings)}, []int{-1, -1}},
		{"two calls, no state", []string{"> " + toolCall("1", "t", a), "> " + toolCall("2", "t", b), asker("2", ""), asker("1", ""),
			"> " + toolCall("3", "t", a, brings), "> " + toolCall("4", "t", b, brings)}, []int{-1, -1, 0, 1}},
		{"two calls, one state", []string{"> " + toolCall("1", "t", a), "> " + toolCall("2", "t", b), asker("2", state), asker("1", state),
			"> " + toolCall("3", "t", a, echo), "> " + toolCall("4", "t", b, echo)}, []int{-1, -1, 0, 1}},
		{"two calls that are the same", []string{"> " + toolCall("1", "t", a), "> " + toolCall("2", "t", a), asker("1", ""), asker("2", ""),
			"> " + toolCall("3", "t", a, brings), "> " + toolCall("4", "t", a, brings)}, []int{-1, -1, 0, 1}},
		{"a retry that is sent again", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a, echo), "> " + toolCall("3", "t", a, echo)}, []int{-1, 0, 0}},
		{"rounds", []string{"> " + toolCall("1", "t", a), asker("1", state), "> " + toolCall("2", "t", a, echo), asker("2", `,"requestState":5`), "> " + toolCall("3", "t", a, `"requestState":5`)}, []int{-1, 0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.play(c.lines...)
			st := s.end()
			if got := st.parents(); !slices.Equal(got, c.want) {
				t.Errorf("parents %v, want %v", got, c.want)
			}
			for _, call := range st.calls {
				for _, o := range st.outcomes[call.ID] {
					if o.Outcome.Status == "requires_approval" && !strings.HasPrefix(o.Outcome.Reason, "input_required") {
						t.Errorf("%+v", o.Outcome)
					}
				}
			}
		})
	}
}

// TestRetryOvertakes: the client may use what is not looked at yet.
func TestRetryOvertakes(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "t"))
	for i := 1; i < 20; i++ {
		s.rec.output.Begin() // the client has it from here on
		go func() {
			time.Sleep(2 * time.Millisecond)
			s.rec.output.Write([]byte(`{"id":` + strconv.Itoa(i) + `,"result":{"resultType":"input_required","requestState":"` + strconv.Itoa(i) + `"}}` + "\n"))
		}()
		s.client(toolCall(strconv.Itoa(i+1), "t", `"requestState":"`+strconv.Itoa(i)+`"`))
	}
	for i, parent := range s.end().parents() {
		if parent != i-1 {
			t.Errorf("the parent of call %d is call %d", i, parent)
		}
	}
}

// TestPendingIsBounded: whatever is in flight, it does not take all memory, and
// what was given up is said.
func TestPendingIsBounded(t *testing.T) {
	l := newPending()
	var givenUp []event.Call
	const calls = 3*maxOpen + 5
	for i := range calls {
		id := strconv.Itoa(i)
		givenUp = append(givenUp, l.callSent(&loggedCall{receipt: id, key: "n:" + id})...)
	}
	if len(l.order) > 2*maxOpen || len(l.waiting) > maxOpen || l.open > maxOpen || l.expected.Load() != int64(l.open) {
		t.Errorf("%d calls and %d requests are held, %d open, %d expected", len(l.order), len(l.waiting), l.open, l.expected.Load())
	}
	_, never := l.left("x")
	if len(givenUp)+len(never) != calls {
		t.Errorf("%d given up and %d left, of %d", len(givenUp), len(never), calls)
	}
	for i, u := range append(givenUp, never...) {
		if u.ID != strconv.Itoa(i) {
			t.Fatalf("call %d is %s", i, u.ID)
		}
	}
	if _, _, how := l.response("n:0", "n:0"); how != noMatch {
		t.Error("a call that was given up has a response")
	}
	newest := "n:" + strconv.Itoa(calls-1)
	if r, _, how := l.response(newest, newest); how != exactMatch || r.call.receipt != strconv.Itoa(calls-1) {
		t.Error("the newest call has no response")
	}

	for i := range 3 * maxOthers {
		l.sent("s:"+strconv.Itoa(i), aboutTools, "")
	}
	if l.others > maxOthers {
		t.Errorf("%d other requests are held", l.others)
	}
	for i := range 3 * maxInputRequests {
		l.inputRequested(inputRequest{state: strconv.Itoa(i), receipt: strconv.Itoa(i)})
	}
	if len(l.inputRequests) > maxInputRequests {
		t.Errorf("%d inputRequests are held", len(l.inputRequests))
	}
	if newest := strconv.Itoa(3*maxInputRequests - 1); l.requesterOf(newest, "", event.Hash{}) != newest {
		t.Error("the newest asker is not held")
	}
}

// TestTooLate: a call that was listed as unanswered has no outcome after that.
func TestTooLate(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "t"))
	_, never := s.rec.session.pending.left("x")
	s.server(`{"id":1,"result":{}}`)
	if st := s.end(); len(never) != 1 || len(st.outcomes) > 0 {
		t.Errorf("%d unanswered, and %d outcomes", len(never), len(st.outcomes))
	}
}

// TestPendingForgets: a session that goes on for long holds no more than one that
// is short.
func TestPendingForgets(t *testing.T) {
	l := newPending()
	for i := range 100_000 {
		id := strconv.Itoa(i)
		c := &loggedCall{key: id}
		l.callSent(c)
		if i%3 == 0 {
			l.becameTask(c, id, false)
		}
		if r, _, how := l.response(id, id); how != exactMatch || r.call != c {
			t.Fatalf("call %d has no response", i)
		}
		if !l.settled(c) || l.settled(c) {
			t.Fatalf("call %d is not settled once", i)
		}
		l.sent(id, aboutTools, "")
		if r, _, how := l.response(id, id); how != exactMatch || r.about != aboutTools {
			t.Fatalf("request %d has no response", i)
		}
	}
	if len(l.order) > 100 || len(l.waiting) > 0 || len(l.tasks) > 0 || l.open != 0 || l.expected.Load() != 0 {
		t.Errorf("held: %d calls, %d requests, %d tasks, %d open, %d expected", len(l.order), len(l.waiting), len(l.tasks), l.open, l.expected.Load())
	}
}
