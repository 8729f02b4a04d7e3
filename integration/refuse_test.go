package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func itoa(i int) string { return strconv.Itoa(i) }

// TestRefused: what some parser could take for a call, and cannot be receipted,
// is answered and never forwarded, and the session goes on.
func TestRefused(t *testing.T) {
	const parse, invalid = -32700, -32600
	for _, c := range []struct {
		name, line string
		code       int
		ids        string // of the replies, as JSON
	}{
		{"NaN", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":NaN}}}`, parse, `[1]`},
		{"a CR inside", "{\"jsonrpc\":\"2.0\",\"id\":1,\r\"method\":\"tools/call\",\"params\":{}}", invalid, `[1]`},
		{"NUL", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}}\x00", parse, `[1]`},
		{"cut short", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"`, parse, ``},
		{"single quotes", `{'method':'tools/call'}`, parse, ``},
		{"escaped slash in junk", `{"method":"tools\/call",}`, parse, ``},
		{"escaped letter in junk", `{"method":"\u0074ools/call",}`, parse, ``},
		{"a tail", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}{"x":1}`, parse, ``},
		{"deep", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, 0, ``},
		{"two methods", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{}}`, invalid, `[1]`},
		{"a twin of method", `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{}}`, invalid, `[1]`},
		{"method in capitals", `{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{}}`, invalid, `[1]`},
		{"long s", `{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{}}`, invalid, `[1]`},
		{"two params", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{},"params":{}}`, invalid, `[1]`},
		{"a twin of params", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{},"Params":{}}`, invalid, `[1]`},
		{"two ids", `{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{}}`, invalid, ``},
		{"two names", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}`, invalid, `[1]`},
		{"a twin of arguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Arguments":{}}}`, invalid, `[1]`},
		{"two metas", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{},"_Meta":{}}}`, invalid, `[1]`},
		{"a method of codes", `{"jsonrpc":"2.0","id":1,"method":{"json_class":"String","raw":[116,111,111,108,115]},"params":{"name":"t","arguments":{}}}`, invalid, `[1]`},
		{"a method in pieces", `{"jsonrpc":"2.0","id":"x","method":["tools","/","call"],"params":{"name":"t"}}`, invalid, `["x"]`},
		{"a method that is null", `{"jsonrpc":"2.0","id":1,"method":null,"params":{"name":"t"}}`, invalid, `[1]`},
		{"a method of codes, in a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":{"$binary":"dA=="}}]`, invalid, `[1,2]`},
		{"a method of codes, in junk", `{"jsonrpc":"2.0","id":1,"method":{"raw":[116]},}`, parse, `[1]`},
		{"in a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":"2","method":"tools/call","METHOD":"tools/call"}]`, invalid, `[1,"2"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			file := filepath.Join(t.TempDir(), "received")
			p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "sink", file)...))
			p.send(c.line + "\n")
			ids, codes := replies(t, p.line())
			after := `{"jsonrpc":"2.0","id":99,"method":"ping"}` + "\n"
			p.send(after)
			p.finish()

			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := difference([]byte(after), got); d != "" {
				t.Error("only what came after was to be forwarded: ", d)
			}
			for _, code := range codes {
				if code != c.code && c.code != 0 {
					t.Errorf("error code %d, want %d", code, c.code)
				}
			}
			if ids != c.ids && c.ids != "" {
				t.Errorf("replies to %s, want %s", ids, c.ids)
			}
			if !p.says("signet-wrap:") {
				t.Errorf("no word of it on stderr: %q", p.stderr())
			}
			if logged := home.records(t); len(logged) > 0 {
				t.Errorf("a call that was not made has a receipt: %s", logged[0].raw)
			}
		})
	}
}

// replies reads a line of error replies: their ids, and their codes.
func replies(t *testing.T, line []byte) (ids string, codes []int) {
	t.Helper()
	type reply struct {
		ID    json.RawMessage `json:"id"`
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	all := make([]reply, 1)
	var err error
	if line[0] == '[' {
		err = json.Unmarshal(line, &all)
	} else {
		err = json.Unmarshal(line, &all[0])
	}
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	var list []string
	for _, r := range all {
		if r.Error.Code == 0 || r.Error.Message == "" {
			t.Errorf("not an error reply: %s", line)
		}
		list = append(list, string(r.ID))
		codes = append(codes, r.Error.Code)
	}
	return "[" + strings.Join(list, ",") + "]", codes
}

// TestTooLong: a line over --max-call is refused and dropped to its newline.
func TestTooLong(t *testing.T) {
	home := newHome(t)
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, []string{"--max-call", "1KiB"}, fake(t, "sink", file)...))
	long := `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"` + strings.Repeat("x", 5000) + `"}}` + "\n"
	short := `{"jsonrpc":"2.0","id":6,"method":"ping"}` + "\n"
	p.send(long + short)
	p.line()
	p.finish()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference([]byte(short), got); d != "" {
		t.Error(d)
	}
}

// TestNoRecordNoCall: a call that cannot be recorded is answered with an error
// and not forwarded; with --fail-open it is forwarded as it came.
func TestNoRecordNoCall(t *testing.T) {
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}` + "\n"
	for _, flags := range [][]string{nil, {"--fail-open"}} {
		home := newHome(t)
		// The log's directory cannot be made where a file is in its place.
		if err := os.Mkdir(filepath.Join(home.dir, ".signet"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home.dir, ".signet", "audit"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "received")
		p := start(t, home.dir, wrapped.argv(t, flags, fake(t, "sink", file)...))
		p.send(call)
		want := ""
		if flags == nil {
			replies(t, p.line())
		} else {
			want = call
		}
		p.finish()
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := difference([]byte(want), got); d != "" {
			t.Errorf("flags %q: %s", flags, d)
		}
		if !p.says("signet-wrap:") {
			t.Errorf("flags %q: no word of it on stderr", flags)
		}
	}
}
