package record

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestExtraResponses: a second response with the id of a call is recorded, once,
// with what it says; one to another request that has the id again is none.
func TestExtraResponses(t *testing.T) {
	s := newScene(t)
	s.play("> "+toolCall("7", "t"), "> "+toolCall("8", "t"), "> "+toolCall(`"9"`, "t"), "> "+toolCall("10", "t"),
		`< {"id":"7","result":{"isError":true}}`, `< {"id":7,"result":"fine"}`, `< {"id":7.0,"result":"and again"}`,
		`< {"id":8,"result":1}`, `< {"id":"8","error":{"code":-3,"message":"hush"}}`,
		`< {"id":"9","result":1}`, `> {"id":"9","method":"resources/read","params":{}}`, `< {"id":"9","result":2}`,
		`< {"id":10,"result":1}`, `> {"method":"notifications/x"}`, "> "+toolCall("10", "t"), `< {"id":10,"result":2}`)
	st := s.end()
	contents := []string{`"fine"`, `{"code":-3,"message":"hush"}`}
	var got, want []string
	for _, e := range st.of("extra_response") {
		got = append(got, fmt.Sprint(e.Call, e.ContentHash, e.Status, e.Reason))
	}
	for i, says := range [][2]string{{"executed", ""}, {"failed", "JSON-RPC error"}} {
		want = append(want, fmt.Sprint(st.calls[i].ID, canonicalHash(t, contents[i]), says[0], says[1]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range st.calls {
		if n := len(st.outcomes[c.ID]); n != 1 {
			t.Errorf("call %s has %d outcomes", c.CallID, n)
		}
	}
}

// TestExtraResponseAlone: another response is recorded also when no call waits for
// one.
func TestExtraResponseAlone(t *testing.T) {
	s := newScene(t)
	s.play("> "+toolCall("7", "t"), `< {"id":7,"result":1}`, `< {"method":"notifications/message"}`, `< {"id":"7","result":{"isError":true}}`)
	st := s.end()
	told := st.of("extra_response")
	if len(told) != 1 || told[0].Call != st.calls[0].ID || told[0].Status != "failed" || told[0].ContentHash != canonicalHash(t, `{"isError":true}`) {
		t.Errorf("the log has %+v", told)
	}
}

// TestPushedTaskOfAnySize: a task's result that comes in a notification is the
// call's outcome, however long it is.
func TestPushedTaskOfAnySize(t *testing.T) {
	for _, size := range []int{10, 100_000, mcpwire.MaxKept + 1} {
		result := `{"content":"` + strings.Repeat("x", size) + `","isError":true}`
		s := newScene(t)
		s.play("> "+toolCall("1", "t"), `< {"id":1,"result":{"resultType":"task","taskId":"t/1"}}`,
			`< {"method":"notifications/tasks","params":{"result":`+result+`,"status":"completed","task\u0049d":"t\/1"}}`)
		st := s.end()
		s.said = nil
		want := "1 failed, isError " + canonicalHash(t, result)
		if size > mcpwire.MaxKept {
			want = fmt.Sprintf("1 failed, isError; content_hash is of the %d bytes as sent %s", len(result), rawHash(result))
		}
		if got := s.tell(st); len(got) != 1 || got[0] != want {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}

// TestInputIsSigned: what a call brings to a server that asked for input is in its
// receipt by its hash, and what it means counts, not how it is spelled.
func TestInputIsSigned(t *testing.T) {
	const accepted, declined, big = `{"pay":{"action":"accept","content":{"eur":1.0}}}`, `{"pay":{"action":"decline"}}`, `{"n":9007199254740993}`
	for _, params := range []Params{ParamsLog, ParamsApart, ParamsHash} {
		s := newScene(t, func(o *Options) { o.Params = params })
		for i, input := range []string{accepted, declined, `{ "pay" : {"content":{"eur":1},"action":"\u0061ccept"}}`, big, "null"} {
			s.client(toolCall(strconv.Itoa(i), "pay", `"arguments":{"invoice":1}`, `"inputResponses":`+input, `"requestState":"s"`))
		}
		s.client(toolCall("5", "pay", `"requestState":"s"`))
		s.server(`{"id":0,"result":{}}`)
		st := s.end()
		var got []string
		for _, c := range st.calls {
			got = append(got, hashText(c.InputHash))
		}
		yes := canonicalHash(t, accepted)
		want := []string{yes, canonicalHash(t, declined), yes, rawHash(big), rawHash("null"), ""}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", params, got, want)
		}
		if o := st.outcomes[st.calls[0].ID]; len(o) != 1 || hashText(o[0].InputHash) != yes {
			t.Errorf("the outcome is %+v", o)
		}
	}
}

// sizeOf is the bytes in the log.
func (s *scene) sizeOf() (size int64) {
	filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// TestToolsOfAnySize: a changed definition shows in a listing of any size, and what
// finds no room is said.
func TestToolsOfAnySize(t *testing.T) {
	crowd := func(version string, n int) string {
		var tools []string
		for i := range n {
			tools = append(tools, `{"name":"`+version+strconv.Itoa(i)+`"}`)
		}
		return strings.Join(tools, ",")
	}
	one, two := `{"name":"read","d":1`, `{"name":"read","d":2`
	pad := `,"pad":"` + strings.Repeat("x", 2*mcpwire.MaxKept) + `"`
	for _, c := range []struct {
		name          string
		first, second string
		left          int64
	}{
		{"padded", one + pad + "}", two + pad + "}", 0},
		{"padded beside", one + "}", two + `},{"name":"x"` + pad + "}", 0},
		{"in a crowd", crowd("a", 9_999) + "," + one + "}", crowd("b", 10_000) + "," + two + "}", 1},
		{"in a greater crowd", crowd("a", 20_000) + "," + one + "}," + one + "}", crowd("b", 60_000) + "," + two + "}", 50_001},
	} {
		t.Run(c.name, func(t *testing.T) {
			audit := filepath.Join(t.TempDir(), "audit")
			var st contents
			for i, tools := range []string{c.first, c.second} {
				s := newScene(t, func(o *Options) { o.Audit = audit })
				s.play(listing("1", tools)...)
				s.client(toolCall("1", "read"))
				s.server(`{"id":1,"result":{}}`)
				before := len(st.events)
				st = s.end()
				if len(st.outcomes) != i+1 {
					t.Errorf("%d outcomes", len(st.outcomes))
				}
				st.events = st.events[before:]
			}
			drift := st.of("tool_drift")
			shown := slices.ContainsFunc(drift, func(e loggedEvent) bool { return e.Tool == "read" })
			tools := st.of("tools")
			if len(tools) == 0 {
				t.Fatal("no tools event")
			}
			left := tools[len(tools)-1].Left
			if left != c.left || !shown && c.name != "in a greater crowd" {
				t.Errorf("drift %v, and %d of the definitions are left out, want %d", shown, left, c.left)
			}
		})
	}
}

// TestListingsThatCannotBeRead: a client may have read what we could not, so the
// log does not say that it knows the tools.
func TestListingsThatCannotBeRead(t *testing.T) {
	for response, want := range map[string]int64{
		`{"id":1,"result":{"tools":[{"name":"a"}]}}`:                        0,
		`{"id":"1","result":{"tools":[{"name":"a"}]}}`:                      0,
		`{"id":1,"result":{"tools":[{"name":"a","x":NaN}]}}`:                1,
		`{"id":1,"result":{"tools":[{"name":"a"}],"tools":[{"name":"a"}]}}`: 1,
		`{"id":1,"result":{"tools":[{"name":"a"}]},"error":null}`:           1,
		`{"id":1,"result":{"tools":[]},"Result":{"tools":[]}}`:              1,
		`{`: 1,
	} {
		s := newScene(t)
		s.play(`> {"id":1,"method":"tools/list"}`, "< "+response, "> "+toolCall("2", "t"))
		tools := s.end().of("tools")
		if len(tools) != 1 || tools[0].Left != want {
			t.Errorf("%s: %+v", response, tools)
		}
	}
}

// TestToolsAreToldOnce: a listing that is repeated writes nothing, and one that adds
// a tool, however long its name, no more than that.
func TestToolsAreToldOnce(t *testing.T) {
	s := newScene(t)
	var all []string
	for i := range 200 {
		all = append(all, `{"name":"`+strconv.Itoa(i)+strings.Repeat("x", 20_000)+`"}`, `{"name":"twice","n":1}`, `{"name":"twice","n":2}`)
		for range 2 {
			s.play(listing(strconv.Itoa(i), all[3*i:]...)...)
			s.play("> "+toolCall("1", "t"), `< {"id":1,"result":{}}`)
		}
	}
	st := s.end()
	if n := len(st.of("tools")); n != 200 {
		t.Errorf("%d tools events", n)
	}
	if n := len(st.of("tool_drift")); n != 0 {
		t.Errorf("%d tool_drift events", n)
	}
	if size := s.sizeOf(); size > 3<<20 {
		t.Errorf("the log has %d bytes, and the listings had %d", size, 200*20_000)
	}
	// A later session that lists the same has nothing to tell.
	again := newScene(t, func(o *Options) { o.Audit = s.dir })
	once := slices.DeleteFunc(slices.Clone(all[:len(all)-2]), func(tool string) bool { return strings.Contains(tool, "twice") })
	again.play(listing("1", append(once, all[len(all)-2:]...)...)...)
	again.client(toolCall("1", "t"))
	if n := len(again.end().of("tools")); n != 200 {
		t.Errorf("%d tools events after another session", n)
	}
}

// hashText is the hash as it is written, "" for none.
func hashText(h sign.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

// TestSessionDoesNotWaitForItsFiles: a file that cannot be read to its end holds up
// neither outcomes nor the end.
func TestSessionDoesNotWaitForItsFiles(t *testing.T) {
	want := []event.File{{Path: "/a", SHA256: event.Hash{1}}, {Path: "/mnt/hangs", Reason: "not hashed in time, nor what follows it"}}
	s := newScene(t, func(o *Options) {
		o.Files = func(ctx context.Context) []event.File {
			<-ctx.Done()
			return want
		}
	})
	s.play("> "+toolCall("1", "t"), `< {"id":1,"result":{}}`, "> "+toolCall("2", "t"))
	if st := s.read(); len(st.outcomes)+len(st.events) > 1 {
		t.Errorf("%d outcomes and %d events", len(st.outcomes), len(st.events))
	}
	st := s.end()
	if got := st.of("session"); len(got) != 1 || !slices.Equal(got[0].Files, want) {
		t.Errorf("session events %+v", got)
	}
	if len(st.outcomes) != 1 {
		t.Errorf("%d outcomes", len(st.outcomes))
	}
}
