package history

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// versions are the definitions of tools that the log has, in words.
func (s *scene) versions(o ToolOptions) (said []string) {
	s.t.Helper()
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	all, more, err := ToolVersions(s.t.Context(), log, o)
	if err != nil || more {
		s.t.Fatal(more, err)
	}
	for _, v := range all {
		hash := "not listed"
		if !v.Hash.IsZero() {
			hash = fmt.Sprint(v.Hash[0])
		}
		if v.Calls > 0 && (v.First.IsZero() || v.Last.Before(v.First)) {
			s.t.Errorf("%+v", v)
		}
		said = append(said, fmt.Sprintf("%s of %s, %s: %d calls", v.Tool, v.Target, hash, v.Calls))
	}
	return said
}

// TestToolVersions: a call counts for the definition that was listed last before it,
// though the listing comes into the log after it.
func TestToolVersions(t *testing.T) {
	listed := func(tools ...any) event.Tools {
		e := event.Tools{Session: sessionA, Target: "mcp://bank", Tools: map[string]event.Hash{}}
		for i := 0; i < len(tools); i += 2 {
			e.Tools[tools[i].(string)] = event.Hash{byte(tools[i+1].(int))}
		}
		return e
	}
	s := newScene(t)
	s.call("pay")
	first := listed("pay", 1, "look", 2)
	first.Call = s.bodies["pay"].RequestID
	s.event(s.a, first)
	s.call("pay")
	s.call("steal")
	s.call("pay") // with the new definition, which is not in the log yet
	drift := listed("pay", 3)
	drift.Adds, drift.Call = true, s.bodies["pay"].RequestID
	s.call("pay")
	s.event(s.a, drift)
	s.event(s.b, listed("pay", 9)) // another key's word
	s.raw(`{"session":"` + sessionA + `","target":"mcp://bank","tools":{"pay":"` + event.Hash{8}.String() + `"},"ts":"2026-05-01T00:00:00.000Z","type":"tools","v":1}`)
	s.call("look")
	want := []string{
		"look of mcp://bank, 2: 1 calls",
		"pay of mcp://bank, 1: 2 calls", "pay of mcp://bank, 3: 2 calls",
		"pay of mcp://bank, 9: 0 calls",
		"steal of mcp://bank, not listed: 1 calls",
	}
	if got := s.versions(ToolOptions{}); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want\n%q", got, want)
	}
	if got := s.versions(ToolOptions{Target: "elsewhere"}); got != nil {
		t.Errorf("%q", got)
	}
	if got := s.versions(ToolOptions{Target: "bank", Tool: "look"}); !reflect.DeepEqual(got, want[:1]) {
		t.Errorf("%q", got)
	}
}
