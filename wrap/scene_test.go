package wrap

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A scene is a session whose two ends are in a test's hands, so that what
// happens has an order: gate, recorder, pending and log are real.
type scene struct {
	t    testing.TB
	dir  string
	rec  *recorder
	pump *pump
	said []string // by the server
}

func newScene(t testing.TB, change ...func(*Options)) *scene {
	t.Helper()
	o := Options{Command: []string{"server"}, Audit: filepath.Join(t.TempDir(), "audit"), Messages: testStderr(t), NoSync: true}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") }
	for _, f := range change {
		f(&o)
	}
	o.setDefaults()
	rec := newRecorder(o)
	return &scene{t: t, dir: o.Audit, rec: rec, pump: &pump{gate: mcpwire.NewGate(o.MetaKey), rec: rec, out: &outlet{w: testStderr(t)}, say: rec.say}}
}

// testStderr is a file for what is said.
func testStderr(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// client sends lines, all of them in one write.
func (s *scene) client(lines ...string) {
	s.t.Helper()
	rest, err := mcpwire.NewLineReader(strings.NewReader(strings.Join(lines, "\n")+"\n"), DefaultMaxCall).More(nil)
	for err == nil && len(rest) > 0 {
		var n int
		n, err = s.pump.forward(bufio.NewWriter(io.Discard), rest)
		rest = rest[n:]
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// server answers, each line in a write of its own.
func (s *scene) server(lines ...string) {
	for _, l := range lines {
		s.said = append(s.said, l)
		s.write(l + "\n")
	}
}

func (s *scene) write(text string) {
	s.rec.observer.begins()
	s.rec.observer.received([]byte(text))
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
			s.rec.observer.outputEnded()
		} else {
			s.server(strings.TrimPrefix(l, "< "))
		}
	}
}

// story is what the log has of a session, verified.
type story struct {
	calls    []*sign.Verified            // version 1, in order
	outcomes map[string][]*sign.Verified // version 2, by the id of the call's receipt
	events   []told
}

// told is what an event in the log says.
type told struct {
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
	Adds                            bool
	Client, Server                  *event.Implementation
}

// end ends the session as a client does, and reads the log.
func (s *scene) end() story {
	s.t.Helper()
	s.rec.finish(true)
	return s.read()
}

func (s *scene) read() story {
	s.t.Helper()
	st := story{outcomes: map[string][]*sign.Verified{}}
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
			var ev told
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

func (st story) of(kind string) []told {
	return slices.DeleteFunc(slices.Clone(st.events), func(e told) bool { return e.Type != kind })
}

// tell is a line for each call: its id, its outcomes or why it has none, and
// the JSON text that content_hash is of, among what the server said.
func (s *scene) tell(st story) []string {
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
				s.t.Errorf("the call is %+v, the answer's %+v", c, o)
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
func (st story) parents() []int {
	var all []int
	for _, c := range st.calls {
		all = append(all, slices.IndexFunc(st.calls, func(p *sign.Verified) bool { return p.ID == c.ParentID }))
	}
	return all
}

// expect plays a scene to its end and compares what is told of its calls.
func (s *scene) expect(lines []string, want ...string) story {
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
