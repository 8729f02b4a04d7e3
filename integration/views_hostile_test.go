package integration

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestViewsOfHostileServer: a server that lists 100,000 tools whose names are scripts
// with bidirectional marks, and a call with arguments of 26 MB, are text of some size in
// whatever reads the log, and the call has its outcome in each.
func TestViewsOfHostileServer(t *testing.T) {
	if testing.Short() {
		t.Skip("other processes: nothing for the race detector")
	}
	t.Parallel()
	h := quietHome(t)
	name, _ := json.Marshal(hostileName + "-7")
	p := start(t, h.dir, wrapped.argv(t, nil, fake(t, "tools", "100000")...))
	for i, m := range []string{
		fmt.Sprintf(`"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":%s,"version":"1"}}`, name),
		`"tools/list","params":{}`,
		fmt.Sprintf(`"tools/call","params":{"name":%s,"arguments":{"x":"\u202e<script>ran=1</script>"}}`, name),
		fmt.Sprintf(`"tools/call","params":{"name":%s,"arguments":{"x":"%s"}}`, name, strings.Repeat(`<\u202e>`, 3_300_000)),
	} {
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%s}`+"\n", i, m))
		if line := p.line(); !bytes.Contains(line, []byte(`"result"`)) {
			t.Fatalf("%s", head(line))
		}
	}
	p.finish()

	report := filepath.Join(t.TempDir(), "report.zip")
	read := func(most int, args ...string) []byte {
		cmd := exec.Command(binary(t), args...)
		cmd.Env = scrubbed(h.dir)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || len(out) > most || errs.Len() > 1<<10 {
			t.Errorf("%q: %v, %d and %d bytes: %s%s", args, err, len(out), errs.Len(), head(out), head(errs.Bytes()))
		}
		return out
	}

	var calls []struct{ ID, Outcome string }
	for line := range bytes.Lines(read(40<<20, "audit", "--json")) {
		var c struct{ Kind, ID, Outcome string }
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatalf("%v: %s", err, head(line))
		}
		if c.Kind == "call" || c.Outcome != "" {
			calls = append(calls, struct{ ID, Outcome string }{c.ID, c.Outcome})
		}
	}
	if len(calls) != 2 || calls[0].Outcome != "executed" || calls[1].Outcome != "executed" {
		t.Fatalf("calls: %v", calls)
	}
	table, err := csv.NewReader(bytes.NewReader(read(40<<20, "audit", "--csv"))).ReadAll()
	if err != nil || len(table) != 3 || table[2][3] != "executed" {
		t.Errorf("as CSV: %v, %d rows", err, len(table))
	}
	for _, x := range []struct {
		most int
		want string // in it
		args []string
	}{
		{4 << 10, "executed", []string{"audit"}},
		{64 << 10, "executed after", []string{"audit", "show", calls[1].ID}},
		{4 << 10, "ALL ", []string{"audit", "stats"}},
		{4 << 20, "</script>\\u", []string{"audit", "tools"}}, // of which the log names 10,000
		{1 << 10, "the whole log", []string{"audit", "report", "--output", report}},
		{4 << 10, "valid by itself", []string{"verify", report}},
	} {
		out := string(read(x.most, x.args...))
		if !strings.Contains(out, x.want) {
			t.Errorf("%q: no %q in %s", x.args, x.want, head([]byte(out)))
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q: %q is as it came", x.args, out[i:min(i+10, len(out))])
		}
	}
	viewHostile(t, h)
}

// viewHostile asks the server of `audit view` for what its page shows.
func viewHostile(t *testing.T, h home) {
	cmd := exec.Command(binary(t), "audit", "view", "--no-browser")
	cmd.Env = scrubbed(h.dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	link, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	base, token, _ := strings.Cut(strings.TrimSpace(link), "#")
	ask := func(method, path string, into any) (size int) {
		r, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(base, "/")+path, nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		must(t, err)
		if response.StatusCode != 200 || len(b) > 512<<10 || bytes.Contains(b, []byte("<script")) || bytes.Contains(b, []byte("<img")) ||
			response.Header.Get("Content-Type") != "application/json" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s, %d bytes: %v %s", path, response.Status, len(b), response.Header, head(b))
		}
		must(t, json.Unmarshal(b, into))
		return len(b)
	}
	var session struct{ Session string }
	ask("POST", "/api/session", &session)
	token = session.Session
	poll := func(what string, done func() bool) {
		for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("waited too long: " + what)
			}
		}
	}
	poll("the index", func() bool {
		var state struct{ Indexed, Checking bool }
		ask("GET", "/api/state", &state)
		return state.Indexed && !state.Checking
	})
	var list struct {
		Rows []struct {
			Row           int
			Kind, Outcome string
		}
	}
	ask("GET", "/api/calls?from=0&count=500", &list)
	calls := 0
	for _, row := range list.Rows {
		if row.Kind != "call" {
			continue
		}
		if calls++; row.Outcome != "executed" {
			t.Errorf("a call is %s", row.Outcome)
		}
		ask("GET", fmt.Sprintf("/api/call?row=%d", row.Row), new(json.RawMessage))
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	for _, path := range []string{"/api/sessions", "/api/timeline"} {
		ask("GET", path, new(json.RawMessage))
	}
	poll("the tools", func() bool {
		var tools struct {
			Running bool
			Total   int
		}
		ask("GET", "/api/tools", &tools)
		return !tools.Running && tools.Total == 10_000
	})
	ask("GET", "/api/definition?number=3", new(json.RawMessage))
}
