package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign"
)

// sized are calls of all kinds of lengths, each of less than 64 KiB with its
// line end, so that a server that reads lines into 64 KiB can read it. The ids
// count from 1.
func sized() (lines []string) {
	text := func(n int) string {
		return `,"params":{"name":"echo","arguments":{"message":"` + strings.Repeat("x", n) + `"}}`
	}
	id := 0
	call := func(rest string) string {
		id++
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call"%s}`, id, rest)
	}
	fill := func(n int) { // to n bytes with the line end
		line := call(text(0))
		id--
		lines = append(lines, call(text(n-1-len(line))))
	}
	const limit = 64 << 10
	for _, n := range []int{200, 10_000, 23_000, 24_400, 24_600, 33_000, 40_000, 48 << 10, 50_000, limit - 2000, limit - 700, limit - 650, limit - 600, limit - 550, limit - 2, limit - 1} {
		fill(n)
	}
	lines = append(lines,
		call(`,"params":{"name":"echo","arguments":{"message":"m"},"_meta":{"x":"`+strings.Repeat("x", 62_000)+`"}}`),
		call(`,"params":{"_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","x":"`+strings.Repeat("x", 60_000)+`"},"name":"echo","arguments":{"message":"m"}}`))
	return lines
}

// batched are such lines that not every server takes.
func batched() []string {
	text := func(n int) string {
		return `"params":{"name":"echo","arguments":{"message":"` + strings.Repeat("x", n) + `"}}`
	}
	batch := func(first, count, size int) string {
		all := make([]string, count)
		for i := range all {
			all[i] = fmt.Sprintf(`{"id":%d,"method":"tools/call",%s}`, first+i, text(size))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	return []string{
		batch(100, 2, 20_000), batch(110, 3, 15_000), batch(120, 20, 100), batch(150, 60, 100), batch(220, 100, 100), batch(330, 2, 32_000),
		`{"id":340,"method":"tools/call","params":{"name":"` + strings.Repeat("n", 64_000) + `","arguments":{}}}`,
		`{"id":"` + strings.Repeat("i", 40_000) + `","method":"tools/call","params":{"name":"t"}}`,
		`{"id":342,"method":"tools/call","x":"` + strings.Repeat("x", 47_000) + `",` + text(2000) + `}`,
		`{"id":341,"method":"tools/call","params":{"name":{"a":"` + strings.Repeat("n", 60_000) + `"}}}`,
	}
}

// TestLineReaders: a server that could read a call by itself can read it with
// the wrapper in front of it, also if it reads lines into 64 KiB, and each call
// is in the log with its arguments.
func TestLineReaders(t *testing.T) {
	python := func(t *testing.T) []string {
		program, err := exec.LookPath("python3")
		if err != nil {
			missing(t, "this test needs python3: %v", err)
		}
		return []string{program, filepath.Join("testdata", "readline.py")}
	}
	for _, c := range []struct {
		name   string
		server func(t *testing.T) []string
		sdk    bool
	}{
		{"bufio.Scanner", func(t *testing.T) []string { return fake(t, "scan") }, false},
		{"asyncio readline", python, false},
		{"mcp-go", func(t *testing.T) []string { return fake(t, "mcpgo") }, true},
		{"TypeScript SDK", func(t *testing.T) []string {
			return node(t, module("@modelcontextprotocol/server-everything/dist/index.js"))
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lines := sized()
			if !c.sdk {
				lines = append(lines, batched()...)
			}
			home := newHome(t)
			inner, server := tap(t, c.server(t))
			for _, argv := range [][]string{c.server(t), wrapped.argv(t, nil, inner...)} {
				p := start(t, home.dir, argv)
				if c.sdk {
					p.send(`{"jsonrpc":"2.0","id":"first","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}` + "\n")
					p.response(t, `"first"`)
					p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n")
				}
				for _, line := range lines {
					p.send(line + "\n")
					for _, call := range callsIn(t, []byte(line)) {
						p.response(t, string(call.id))
					}
				}
				p.finish()
			}

			// What arrived is what was sent, but for receipts.
			logged := home.records(t)
			arrived := bytes.SplitAfter(server()[0].in, []byte("\n"))
			if c.sdk {
				arrived = arrived[2:]
			}
			for i, line := range lines {
				receipts, err := unsplice([]byte(line+"\n"), arrived[i])
				if err != nil {
					t.Fatal(err)
				}
				if len(arrived[i]) >= 64<<10 {
					t.Errorf("a line of %d bytes has become one of %d", len(line)+1, len(arrived[i]))
				}
				calls := callsIn(t, []byte(line))
				for j, call := range calls {
					r := logged[0]
					logged = logged[1:]
					r.verify(t, home.key(t), call.arguments)
					switch {
					case len(receipts) == 0 && len(line)+len(calls)*700 < 64<<10:
						t.Errorf("no receipt in a line of %d bytes", len(line)+1)
					case len(receipts) > 0:
						if d := difference(r.travelling(t), receipts[j]); d != "" {
							t.Error(d)
						}
						if v, err := sign.Verify(receipts[j], sign.AnyKey); err != nil || v.Params != nil && len(arrived[i]) > 48<<10 || v.Params == nil && call.arguments != nil && len(calls) == 1 && len(line)+len(call.arguments)+900 < 48<<10 {
							t.Errorf("a line of %d bytes has become one of %d: %v, arguments %s", len(line)+1, len(arrived[i]), err, head(v.Params))
						}
					}
				}
			}
			if len(logged) > 0 {
				t.Errorf("%d records more than calls", len(logged))
			}
			home.signet(t, 0, nil, "verify", "--chain")
		})
	}
}

// response waits for the response with that id.
func (p *proc) response(t *testing.T, id string) {
	t.Helper()
	for {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method *string         `json:"method"`
			Result json.RawMessage `json:"result"`
		}
		if line := p.line(); json.Unmarshal(line, &m) != nil || m.Method == nil && (string(m.ID) != id || m.Result == nil) {
			t.Fatalf("the response to %s is %s", head([]byte(id)), head(line))
		}
		if m.Method == nil {
			return
		}
	}
}

// TestLongNames: what the receipt repeats of a call is bounded, whatever its
// name and id, and tells what is a string from what is not.
func TestLongNames(t *testing.T) {
	home := newHome(t)
	long := strings.Repeat("n", 3<<20)
	lines := []string{
		`{"id":1,"method":"tools/call","params":{"name":"` + long + `","arguments":{}}}`,
		`{"id":2,"method":"tools/call","params":{"name":["` + long + `"],"arguments":{}}}`,
		`{"id":"` + long + `","method":"tools/call","params":{"name":"t","arguments":{}}}`,
		`{"id":1` + strings.Repeat("0", 3<<20) + `,"method":"tools/call","params":{"name":"t","arguments":{}}}`,
		`{"id":5,"method":"tools/call","params":{"name":5}}`,
		`{"id":6,"method":"tools/call","params":{"name":"5"}}`,
	}
	sent := []byte(strings.Join(lines, "\n") + "\n")
	got := sunk(t, home, sent)
	if receipts, err := unsplice(sent, got); err != nil || len(receipts) != len(lines) {
		t.Errorf("%d receipts, %v", len(receipts), err)
	}
	if more := len(got) - len(sent); more > 1000*len(lines) {
		t.Errorf("%d bytes more", more)
	}
	logged := home.records(t)
	for i, r := range logged {
		for j, other := range logged[:i] {
			if r.Action.Tool == other.Action.Tool && r.Action.CallID == other.Action.CallID {
				t.Errorf("calls %d and %d are of tool %q and id %q", i, j, r.Action.Tool, r.Action.CallID)
			}
		}
	}
	if logged[4].Action.Tool == logged[5].Action.Tool {
		t.Errorf("a number and a string are both %q", logged[4].Action.Tool)
	}
	home.signet(t, 0, nil, "verify", "--chain")
}

// TestNoMetaKey: with --meta-key none calls are recorded, and the requests stay
// as they are, also for a server that takes no _meta.
func TestNoMetaKey(t *testing.T) {
	home := newHome(t)
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, []string{"--meta-key", "none"}, fake(t, "sink", file)...))
	lines := append(sized(), batched()...)
	lines = append(lines, addCall, ` { "method" : "tools/call" , "params" : { } } `+"\r", `{"method":"tools/call","params":{"_meta":{}}}`,
		`{"method":"tools/call","params":{"_meta":{"_signet":{"id":"rec_0123"},"none":1}}}`)
	sent := strings.Join(lines, "\n") + "\n"
	const frame = `{"id":9,"method":"tools/call","params":{"name":"framed"}}`
	sent += fmt.Sprintf("content-length:  00%d\r\n\r\n%s", len(frame), frame)
	p.write([]byte(sent))
	p.finish()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference([]byte(sent), got); d != "" {
		t.Error(d)
	}
	logged := home.records(t)
	n := 0
	for _, line := range append(lines, frame) {
		for _, call := range callsIn(t, []byte(line)) {
			if n < len(logged) {
				logged[n].verify(t, home.key(t), call.arguments)
				if logged[n].ParamsRaw != nil {
					t.Errorf("nothing travels, and the arguments stand apart in a record of %d bytes", len(logged[n].raw))
				}
			}
			n++
		}
	}
	if n != len(logged) {
		t.Fatalf("%d calls, %d records", n, len(logged))
	}
	if carried := logged[n-2].Action.Parent; carried != "rec_0123" {
		t.Errorf("the parent of a call with a receipt is %q", carried)
	}
	home.signet(t, 0, nil, "verify", "--chain")
}
