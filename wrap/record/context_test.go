package record

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// eventsOf are the events of one type in the log of a scene, which has ended.
func eventsOf[T event.Event](s *scene) (all []T) {
	s.t.Helper()
	for e, err := range testlog.Records(s.dir) {
		if err != nil {
			s.t.Fatal(err)
		}
		v, err := sign.Verify(e.Receipt, sign.AnyKey)
		if err != nil {
			s.t.Fatal(err)
		}
		if x, ok := v.Event.(T); ok {
			all = append(all, x)
		}
	}
	return all
}

// TestCallContext: what a call says of itself is in the log with the id of its
// receipt; the client only where it is not the session's.
func TestCallContext(t *testing.T) {
	const span, trace = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"
	client := func(name string) string {
		return `"io.modelcontextprotocol/clientInfo":{"name":"` + name + `","version":"1"}`
	}
	meta := func(members ...string) string { return `"_meta":{` + strings.Join(members, ",") + `}` }
	long := strings.Repeat("x", 300)
	other := &event.Implementation{Name: "other", Version: "1"}
	for _, c := range []struct {
		name string
		call string // what is in params
		want *event.Context
	}{
		{"nothing", ``, nil},
		{"the session's client", meta(client("me")), nil},
		{"another client", meta(client("other")), &event.Context{Client: other}},
		{"a client that cannot be read", meta(`"io.modelcontextprotocol/clientInfo":5`), &event.Context{Client: &event.Implementation{}}},
		{"a span", meta(`"traceparent":"00-` + trace + `-` + span + `-01"`), &event.Context{Span: span}},
		{"no span", meta(`"traceparent":"00-` + trace + `-0000000000000000-01"`), nil},
		{"Claude Code", meta(`"claudecode/toolUseId":"toolu_01A09q90qw90lq917835lq9"`, `"progressToken":2`),
			&event.Context{IDs: []event.ClientID{{Name: "claudecode/toolUseId", ID: "toolu_01A09q90qw90lq917835lq9"}}}},
		{"VS Code", meta(`"vscode.requestId":"r","vscode.conversationId":"c"`),
			&event.Context{IDs: []event.ClientID{{Name: "vscode.conversationId", ID: "c"}, {Name: "vscode.requestId", ID: "r"}}}},
		{"others", meta(`"callId":7,"ai.opencode/sessionID":"s","antigravity.google/conversation_id":"g","x/agent-session-id":"a"`),
			&event.Context{IDs: []event.ClientID{{Name: "ai.opencode/sessionID", ID: "s"}, {Name: "antigravity.google/conversation_id", ID: "g"},
				{Name: "callId", ID: "7"}, {Name: "x/agent-session-id", ID: "a"}}}},
		{"no ids", meta(`"x/toolUseId":null,"y/toolUseId":["a"],"void":"a","x/id":"a","é/callId":"a","a\u0062/callId":"a"`), nil},
		{"twice", meta(`"callId":"a","callId":"b"`), &event.Context{IDs: []event.ClientID{{Name: "callId", ID: "b"}}}},
		{"secrets", meta(`"callId":"ghp_16C7e42F292c6912E7710c838347Ae178B4a"`, `"sessionId":"eyJhbGciOiJIUzI1NiJ9.e30.x"`),
			&event.Context{IDs: []event.ClientID{{Name: "callId", ID: "***"}, {Name: "sessionId", ID: "***"}}}},
		{"long", meta(`"callId":"` + long + `"`), &event.Context{IDs: []event.ClientID{{Name: "callId", ID: "hash:" + event.HashOf([]byte(`"`+long+`"`)).String()}}}},
		{"with a receipt", meta(`"_signet":null`, `"callId":"a"`), &event.Context{IDs: []event.ClientID{{Name: "callId", ID: "a"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.client(`{"id":0,"method":"initialize","params":{"clientInfo":{"name":"me","version":"1"}}}`)
			if c.call == "" {
				s.client(toolCall("1", "t"))
			} else {
				s.client(toolCall("1", "t", c.call))
			}
			st := s.end()
			var want []event.CallContext
			if c.want != nil {
				c.want.Call = st.calls[0].ID
				want = []event.CallContext{{Session: st.calls[0].Session, Calls: []event.Context{*c.want}}}
			}
			if got := eventsOf[event.CallContext](s); !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestCallContextIsBounded: many calls share an event, and none is long, whatever
// the calls say. They are written without another call.
func TestCallContextIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	s := newScene(t)
	s.rec.session.contexts.delay = time.Millisecond
	s.client(toolCall("0", "t", `"_meta":{"callId":"a"}`))
	for patience := time.Now().Add(time.Minute); len(eventsOf[event.CallContext](s)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(patience) {
			t.Fatal("it is not written without another call")
		}
	}
	s.rec.session.contexts.delay = time.Hour
	var ids []string
	for i := range 2000 {
		ids = append(ids, fmt.Sprintf(`"x%d/callId":"%s"`, i, strings.Repeat("i", 190)))
	}
	for i := range 300 {
		s.client(toolCall(fmt.Sprint(i+1), "t", `"_meta":{`+strings.Join(ids, ",")+`}`))
	}
	s.end()
	events, calls := eventsOf[event.CallContext](s), 0
	for _, e := range events {
		calls += len(e.Calls)
		if receipt, err := event.Unsigned(e, time.Now()); err != nil || len(receipt) > 20<<10 {
			t.Errorf("%d bytes, %v", len(receipt), err)
		}
	}
	if calls != 301 || len(events) > 60 || len(events[1].Calls[0].IDs) != 8 {
		t.Errorf("%d calls in %d events", calls, len(events))
	}
}

// TestEnvironment: the session's event says who runs the program, and where, unless
// that is not wanted.
func TestEnvironment(t *testing.T) {
	for _, off := range []bool{false, true} {
		s := newScene(t, func(o *Options) { o.NoEnvironment = off })
		s.client(toolCall("1", "t"))
		s.end()
		got := eventsOf[event.Session](s)
		if off {
			if len(got) != 1 || got[0].Environment != nil {
				t.Errorf("off: %+v", got)
			}
			continue
		}
		host, _ := os.Hostname()
		dir, _ := os.Getwd()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		e := got[0].Environment
		if e == nil || e.Host != host || e.Directory != dir || e.UserID == "" || e.User == "" || e.Version == "" || e.Program != sha256.Sum256(b) {
			t.Errorf("%+v", e)
		}
	}
}

// TestDefinitionsAreKept: each definition once, by its hash, and none before the
// first call.
func TestDefinitionsAreKept(t *testing.T) {
	var dir string
	s := newScene(t, func(o *Options) { dir = filepath.Join(filepath.Dir(o.Audit), "tools"); o.Tools = dir })
	const one, two = `{"description":"reads","name":"read"}`, `{"description":"reads, and sends","name":"read"}`
	s.play(listing("1", `{"name":"read","description":"reads"}`, `{"name":"n","x":9007199254740993}`)...)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("before the first call: %v", err)
	}
	s.client(toolCall("2", "read"))
	s.play(listing("3", `{"name":"read","description":"reads"}`)...)
	s.play(listing("4", `{"name":"read","description":"reads, and sends"}`)...)
	s.client(toolCall("5", "read"))
	s.end()
	store := toolstore.New(dir)
	for _, want := range []string{one, two, `{"name":"n","x":9007199254740993}`} {
		if got, err := store.Get(event.HashOf([]byte(want))); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", want, got, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
	for _, e := range eventsOf[event.Tools](s) {
		if e.Call == "" {
			t.Errorf("no call after the listing: %+v", e)
		}
	}
}
