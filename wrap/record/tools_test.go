package record

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
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
// what the event before it has.
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

// TestLastTools searches the log for the listing before, past damaged lines,
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
	var tools string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"type":"tools"`) {
			tools = line
		}
	}
	false1 := strings.Replace(tools, `"a":"sha256:`, `"b":"sha256:`, 1)
	if tools == "" || false1 == tools {
		t.Fatalf("the event is %q", tools)
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

// TestDriftAcrossOthers: tools events of others between two sessions, whoever they
// say has signed them, hide no drift, and neither do copies of our own.
func TestDriftAcrossOthers(t *testing.T) {
	const a1, a2 = `{"name":"a","description":"one"}`, `{"name":"a","description":"two"}`
	s := newScene(t)
	s.play(slices.Concat(listing("1", a1), []string{"> " + toolCall("1", "a")})...)
	before := s.end()
	other, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", ed25519.SeedSize))), "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	planted := event.Tools{Session: "ses_x", Target: "mcp://x", Tools: map[string]event.Hash{}}
	copied, err := s.rec.signer.Event(planted, time.Now(), chain.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	l := chain.New(s.dir, chain.Options{NoSync: true})
	defer l.Close()
	const each = 2_001
	if _, err := l.Append(3*each, func(i int, at chain.At) ([]byte, error) {
		switch i % 3 {
		case 0:
			return event.Unsigned(planted, at.Time)
		case 1:
			return copied.Record, nil
		}
		r, err := other.Event(planted, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	}); err != nil {
		t.Fatal(err)
	}
	next := newScene(t, func(o *Options) { *o = s.rec.opts })
	next.play(slices.Concat(listing("1", a2), []string{"> " + toolCall("1", "a")})...)
	next.close()
	var got []string
	for e, err := range testlog.Records(s.dir) {
		if err != nil {
			t.Fatal(err)
		}
		if v, err := sign.Verify(e.Receipt, sign.Keys(s.rec.signer.PublicKey())); err == nil && v.Follows(e.PrevHash) {
			switch v.Event.(type) {
			case event.Tools, event.ToolDrift:
				got = append(got, v.Type)
			}
		}
	}
	if want := []string{"tools", "tools", "tool_drift"}; !slices.Equal(got, want) {
		t.Errorf("after %v: events %v, want %v", drifts(before), got, want)
	}
}

// TestSearchEnds: where a bound ends the search for an earlier listing, the event
// says so.
func TestSearchEnds(t *testing.T) {
	for name, bound := range map[string]*int{
		"records": &maxLookBack, "bytes": &maxLookBackBytes, "signatures": &maxChecked, "listings of this key": &maxOwnListings,
	} {
		t.Run(name, func(t *testing.T) {
			defer func(was int) { *bound = was }(*bound)
			s := newScene(t)
			call := []string{"> " + toolCall("1", "a")}
			s.play(slices.Concat(listing("1", `{"name":"a"}`), call)...)
			if st := s.end(); len(st.of("tools")) != 1 || st.of("tools")[0].SearchEnded != "" {
				t.Fatalf("the first listing is %+v", st.of("tools"))
			}
			*bound = 0
			next := newScene(t, func(o *Options) { *o = s.rec.opts })
			next.play(slices.Concat(listing("1", `{"name":"a","n":1}`), call)...)
			if all := next.end().of("tools"); len(all) != 2 || !strings.Contains(all[1].SearchEnded, name) {
				t.Errorf("the listings are %+v", all)
			}
		})
	}
}
