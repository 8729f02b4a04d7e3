package record

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listing is what a client says and gets to know the tools.
func listing(id string, tools ...string) []string {
	return []string{
		`> {"id":"list ` + id + `","method":"tools/list"}`,
		`< {"id":"list ` + id + `","result":{"tools":[` + strings.Join(tools, ",") + `]}}`,
	}
}

// drifts are the events of tools and of their drift, in order: of tools their
// names.
func drifts(st contents) []string {
	var all []string
	for _, e := range st.events {
		switch e.Type {
		case "tools":
			all = append(all, "tools "+strings.Join(slices.Sorted(maps.Keys(e.Tools)), " "))
		case "tool_drift":
			all = append(all, "drift "+e.Tool)
		}
	}
	return all
}

func TestToolsDrift(t *testing.T) {
	const a1, a2, b1 = `{"name":"a","description":"one"}`, `{"name":"a","description":"two"}`, `{"name":"b"}`
	call := []string{"> " + toolCall("1", "a"), `< {"id":1,"result":{}}`}
	other := func(o *Options) { o.Target = "mcp://other" }
	type session struct {
		change func(*Options)
		lines  [][]string
		want   []string
	}
	for _, c := range []struct {
		name     string
		sessions []session
	}{
		{"no drift", []session{
			{lines: [][]string{listing("1", a1, b1), call, listing("2", b1, a1), call}, want: []string{"tools a b"}},
			{lines: [][]string{listing("1", a1, b1), call}},
		}},
		{"spelled otherwise", []session{
			{lines: [][]string{listing("1", a1), call, listing("2", `{ "description" : "\u006fne", "name":"a"}`), call}, want: []string{"tools a"}},
		}},
		{"within a session", []session{
			{lines: [][]string{listing("1", a1), call, listing("2", a2), call}, want: []string{"tools a", "tools a", "drift a"}},
		}},
		{"in a number that a double cannot hold", []session{
			{lines: [][]string{listing("1", `{"name":"a","n":9007199254740993}`), call, listing("2", `{"name":"a","n":9007199254740995}`), call}, want: []string{"tools a", "tools a", "drift a"}},
		}},
		{"after the last call", []session{
			{lines: [][]string{listing("1", a1), call, listing("2", a2)}, want: []string{"tools a", "tools a", "drift a"}},
		}},
		{"before the first call", []session{
			{lines: [][]string{listing("1", a1), listing("2", a2), call}, want: []string{"tools a", "drift a"}},
		}},
		{"between sessions", []session{
			{lines: [][]string{listing("1", a1), call}, want: []string{"tools a"}},
			{change: other, lines: [][]string{listing("1", a2), call}, want: []string{"tools a"}},
			{lines: [][]string{call}},
			{lines: [][]string{listing("1", a2), call}, want: []string{"tools a", "drift a"}},
			{lines: [][]string{listing("1", a2), call}},
			{lines: [][]string{listing("1", a1), call}, want: []string{"tools a", "drift a"}},
		}},
		{"added and gone", []session{
			{lines: [][]string{listing("1", a1), call}, want: []string{"tools a"}},
			{lines: [][]string{listing("1", a1, b1), call}, want: []string{"tools a b"}},
			{lines: [][]string{listing("1", b1), call}, want: []string{"tools b"}},
		}},
		{"pages", []session{
			{lines: [][]string{listing("1", a1), listing("2", b1), call}, want: []string{"tools a b"}},
			{lines: [][]string{listing("1", a1), listing("2", `{"name":"b","x":1}`), call}, want: []string{"tools a b", "drift b"}},
		}},
		{"no call, no event", []session{{lines: [][]string{listing("1", a1)}}}},
		{"refused and odd", []session{
			{lines: [][]string{{`> {"id":1,"method":"tools/list"}`, `< {"id":1,"error":{"tools":[{"name":"x"}]}}`}, call}},
			{lines: [][]string{listing("1", `5`, `{}`, `{"name":5}`, `{"name":"a","n":9007199254740993}`), call}, want: []string{"tools 5 a"}},
		}},
		{"escaped method", []session{
			{lines: [][]string{{`> {"id":1,"method":"tools\/list"}`, `< {"id":1,"result":{"tools":[` + a1 + `]}}`}, call}, want: []string{"tools a"}},
		}},
		{"off", []session{
			{change: func(o *Options) { o.NoOutcomes = true }, lines: [][]string{listing("1", a1), call}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			audit := filepath.Join(t.TempDir(), "audit")
			var before int
			for i, session := range c.sessions {
				s := newScene(t, func(o *Options) {
					o.Audit = audit
					if session.change != nil {
						session.change(o)
					}
				})
				for _, lines := range session.lines {
					s.play(lines...)
				}
				st := s.end()
				st.events, before = st.events[before:], len(st.events)
				if got := drifts(st); !slices.Equal(got, session.want) {
					t.Errorf("session %d: %q, want %q", i+1, got, session.want)
				}
			}
		})
	}
}

// TestDriftSaysWhat: a drift names both definitions, and what was listed last is
// what stands in the event before it.
func TestDriftSaysWhat(t *testing.T) {
	const a1, a2 = `{"name":"a","n":1.0}`, `{"name":"a","n":2}`
	s := newScene(t)
	s.play(slices.Concat(listing("1", a1), []string{"> " + toolCall("1", "a")}, listing("2", a2), []string{"> " + toolCall("2", "a")})...)
	st := s.end()
	tools, drift := st.of("tools"), st.of("tool_drift")
	if len(tools) != 2 || len(drift) != 1 {
		t.Fatalf("%d and %d events", len(tools), len(drift))
	}
	d, was, now := drift[0], canonicalHash(t, a1), canonicalHash(t, a2)
	if d.Tool != "a" || d.Was != was || d.Now != now || d.Session != st.calls[0].Session || d.Target != st.calls[0].Target {
		t.Errorf("the drift is %+v, want %s and %s", d, was, now)
	}
	if tools[0].Tools["a"] != was || tools[1].Tools["a"] != now {
		t.Errorf("the listings are %+v", tools)
	}
}

// TestLastTools looks for what stood in the log before, past damaged lines,
// and believes no event that is false.
func TestLastTools(t *testing.T) {
	s := newScene(t)
	s.play(slices.Concat(listing("1", `{"name":"a"}`), []string{"> " + toolCall("1", "a")})...)
	s.end()
	target, key := s.rec.opts.Target, s.rec.signer.PublicKey()
	want := fmt.Sprint(map[string]string{"a": canonicalHash(t, `{"name":"a"}`)})
	if got := fmt.Sprint(lastTools(s.dir, target, key).tools); got != want {
		t.Fatalf("the last listing is %s, want %s", got, want)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var event string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"type":"tools"`) {
			event = line
		}
	}
	false1 := strings.Replace(event, `"a":"sha256:`, `"b":"sha256:`, 1)
	if event == "" || false1 == event {
		t.Fatalf("the event is %q", event)
	}
	text = append(text, "damaged\n"+false1+"{}\n"...)
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(lastTools(s.dir, target, key).tools); got != want {
		t.Errorf("in a damaged log it is %s, want %s", got, want)
	}
	if got := lastTools(s.dir, target+"x", key); got.tools != nil {
		t.Errorf("of another server it is %v", got)
	}
	if got := lastTools(filepath.Join(s.dir, "none"), target, key); got.tools != nil {
		t.Errorf("with no log it is %v", got)
	}
}
