package record

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A scene is a session whose two ends are in a test's hands, so that what
// happens has an order: all that is between them, and the log, is real.
type scene struct {
	t    testing.TB
	dir  string
	rec  *Recorder
	said []string // by the server

	mu    sync.Mutex
	lines []string // what a person was told; guarded by mu
}

func newScene(t testing.TB, change ...func(*Options)) *scene {
	t.Helper()
	s := &scene{t: t}
	o := Options{Command: []string{"server"}, Audit: filepath.Join(t.TempDir(), "audit"), NoSync: true}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") }
	for _, f := range change {
		f(&o)
	}
	o.Say = s.say
	s.dir, s.rec = o.Audit, New(o)
	return s
}

func (s *scene) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

// told is all that a person was told.
func (s *scene) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// client sends messages, unless they are refused.
func (s *scene) client(messages ...string) {
	s.t.Helper()
	for _, m := range messages {
		if _, err := s.rec.Request([]byte(m)); err != nil && !s.rec.opts.FailOpen {
			s.t.Fatalf("%s: %v", m, err)
		}
	}
}

// server writes lines, each in a piece of its own.
func (s *scene) server(lines ...string) {
	for _, l := range lines {
		s.said = append(s.said, l)
		s.write(l + "\n")
	}
}

func (s *scene) write(text string) {
	s.rec.output.Begin()
	s.rec.output.Write([]byte(text))
}

// close ends the session as a client does.
func (s *scene) close() {
	s.t.Helper()
	if err := s.rec.Close(); err != nil {
		s.t.Error(err)
	}
}

// play is client for each line that begins with "> ", server for each that begins
// with "< ", and the end of the server's output, without a line end, for one that
// begins with "<| ".
func (s *scene) play(lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		if text, ok := strings.CutPrefix(l, "> "); ok {
			s.client(text)
		} else if text, ok := strings.CutPrefix(l, "<| "); ok {
			s.said = append(s.said, text)
			s.write(text)
			s.rec.output.End()
		} else {
			s.server(strings.TrimPrefix(l, "< "))
		}
	}
}

// contents is what the log has of a session, verified.
type contents struct {
	calls    []*sign.Verified            // version 1, in order
	outcomes map[string][]*sign.Verified // version 2, by the id of the call's receipt
	events   []loggedEvent
}

// loggedEvent is what an event in the log says.
type loggedEvent struct {
	Type, Session, Target, Protocol string
	Call, Task                      string // of a task
	Tool, Was, Now                  string // of a tool_drift
	Tools                           map[string]string
	Calls                           []struct{ Call, Reason string }
	Command                         []string
	Files                           []event.File
	Status, Reason                  string // of an extra_response
	ContentHash                     string `json:"content_hash"`
	Left                            int64  // of tools
	SearchEnded                     string `json:"search_ended"`
	Adds                            bool
	Client, Server                  *event.Implementation
}

// end ends the session as a client does, and reads the log.
func (s *scene) end() contents {
	s.t.Helper()
	s.close()
	return s.read()
}

func (s *scene) read() contents {
	s.t.Helper()
	st := contents{outcomes: map[string][]*sign.Verified{}}
	if _, err := os.Stat(s.dir); errors.Is(err, os.ErrNotExist) {
		return st
	}
	if r, err := testlog.Verify(s.t.Context(), s.dir, chain.VerifyOptions[struct{}]{}); err != nil || r.Damaged > 0 {
		s.t.Fatalf("the log: %v, %+v", err, r)
	}
	for e, err := range testlog.Records(s.dir) {
		if err != nil {
			s.t.Fatal(err)
		}
		v, err := sign.Verify(slices.Clone(e.Receipt), sign.AnyKey)
		if err != nil {
			s.t.Fatalf("%v: %s", err, e.Receipt)
		}
		switch {
		case v.Type != "":
			var ev loggedEvent
			if err := json.Unmarshal(e.Receipt, &ev); err != nil {
				s.t.Fatal(err)
			}
			st.events = append(st.events, ev)
		case v.Version == 1:
			st.calls = append(st.calls, v)
		default:
			st.outcomes[v.ParentID] = append(st.outcomes[v.ParentID], v)
		}
	}
	return st
}

func (st contents) of(kind string) []loggedEvent {
	return slices.DeleteFunc(slices.Clone(st.events), func(e loggedEvent) bool { return e.Type != kind })
}

// tell is a line for each call: its id, its outcomes or why it has none, and
// the JSON text that content_hash is of, among what the server said.
func (s *scene) tell(st contents) []string {
	s.t.Helper()
	contents := map[string]string{}
	for _, line := range s.said {
		note := func(raw json.RawMessage) {
			if c, err := canon.Canonicalize(raw); err == nil {
				contents[event.HashOf(c).String()] = string(raw)
			}
		}
		var messages []json.RawMessage
		if json.Unmarshal([]byte(line), &messages) != nil {
			messages = []json.RawMessage{json.RawMessage(line)}
		}
		for _, raw := range messages {
			var m, inner struct{ Result, Error, Params json.RawMessage }
			json.Unmarshal(raw, &m)
			for _, content := range []json.RawMessage{m.Result, m.Error, m.Params} {
				note(content)
				json.Unmarshal(content, &inner)
			}
			note(inner.Result)
			note(inner.Error)
		}
	}
	never := map[string]string{}
	for _, e := range st.of("unanswered") {
		for _, c := range e.Calls {
			never[c.Call] += "unanswered, " + c.Reason
		}
	}
	var lines []string
	for _, c := range st.calls {
		var came []string
		for _, o := range st.outcomes[c.ID] {
			if o.Tool != c.Tool || o.CallID != c.CallID || o.Session != c.Session || o.ParamsHash != c.ParamsHash || o.Params != nil || o.Responded.Before(c.Time) || !o.Time.Equal(c.Time) {
				s.t.Errorf("the call is %+v, the outcome is of %+v", c, o)
			}
			text := o.Outcome.Status
			for _, more := range []string{o.Outcome.Reason, o.Outcome.Error} {
				if more != "" {
					text += ", " + more
				}
			}
			content, ok := contents[o.ResponseHash.String()]
			if !ok {
				content = o.ResponseHash.String()
			}
			came = append(came, text+" "+content)
		}
		if why := never[c.ID]; why != "" {
			came = append(came, why)
		}
		if len(came) == 0 {
			came = []string{"nothing"}
		}
		lines = append(lines, strings.TrimPrefix(c.CallID, "n:")+" "+strings.Join(came, " AND "))
	}
	return lines
}

// parents is, for each call, which call its parent_receipt_id names, -1 if none.
func (st contents) parents() []int {
	var all []int
	for _, c := range st.calls {
		all = append(all, slices.IndexFunc(st.calls, func(p *sign.Verified) bool { return p.ID == c.ParentID }))
	}
	return all
}

// expect plays a scene to its end and compares what the log has of its calls.
func (s *scene) expect(lines []string, want ...string) contents {
	s.t.Helper()
	s.play(lines...)
	st := s.end()
	if got := s.tell(st); !slices.Equal(got, want) {
		s.t.Errorf("the log tells\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return st
}

// toolCall is a line that calls tool, with more members of params.
func toolCall(id, tool string, params ...string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{%s}}`, id,
		strings.Join(append([]string{`"name":` + mcpwire.Quoted(tool)}, params...), ","))
}
