package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReceiptArrives sends lines to a server that writes its input to a file,
// and finds the client's bytes there, and in each call its receipt.
func TestReceiptArrives(t *testing.T) {
	// receipts is how many the line must have gained; logged how many records
	// there are for it: where there is no object to put a receipt in, the call
	// is logged and passes unchanged.
	for _, c := range []struct {
		name, line       string
		receipts, logged int
	}{
		{"plain", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":1}}}`, 1, 1},
		{"string id", `{"jsonrpc":"2.0","id":"1","method":"tools/call","params":{"name":"t","arguments":{"x":1}}}`, 1, 1},
		{"odd ids", `{"jsonrpc":"2.0","id":-1.50e0,"method":"tools/call","params":{"name":"t"}}`, 1, 1},
		{"escaped id", `{"jsonrpc":"2.0","id":"\u0061\n\"","method":"tools/call","params":{"name":"t"}}`, 1, 1},
		{"no id", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t","arguments":{}}}`, 1, 1},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"t","arguments":{}}}`, 1, 1},
		{"no jsonrpc", `{"id":2,"method":"tools/call","params":{"name":"t","arguments":{}}}`, 1, 1},
		{"empty params", `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{}}`, 1, 1},
		{"spaced empty params", `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{  } }`, 1, 1},
		{"no arguments", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"t"}}`, 1, 1},
		{"null arguments", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"t","arguments":null}}`, 1, 1},
		{"array arguments", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"t","arguments":[1,2]}}`, 1, 1},
		{"name is a number", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":7,"arguments":{}}}`, 1, 1},
		{"meta", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"t","arguments":{},"_meta":{"progressToken":5}}}`, 1, 1},
		{"empty meta", `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"_meta":{},"name":"t","arguments":{}}}`, 1, 1},
		{"spaced meta", "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"_meta\" :\t{ \"a\" : [ {} ] }\t, \"name\":\"t\"} }", 1, 1},
		{"params first", `{"params":{"arguments":{"method":"no"},"name":"t"},"method":"tools/call","id":6,"jsonrpc":"2.0"}`, 1, 1},
		{"spacing", " {\t\"jsonrpc\" : \"2.0\" , \"id\"\t: 7,\"method\" :\"tools/call\" , \"params\" : { \"name\" : \"t\" , \"arguments\" : { \"b\" : 1 , \"a\" : [ ] } } } \t ", 1, 1},
		{"CR LF", `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"t","arguments":{}}}` + "\r", 1, 1},
		{"big integers", `{"jsonrpc":"2.0","id":90071992547409931,"method":"tools/call","params":{"name":"t","arguments":{"n":9007199254740993,"m":-18446744073709551616}}}`, 1, 1},
		{"number spellings", `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"t","arguments":{"a":1.0,"b":1e3,"c":-0,"d":0.10,"e":1E-7}}}`, 1, 1},
		{"number too big", `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"t","arguments":{"a":1e400}}}`, 1, 1},
		{"escapes", `{"jsonrpc":"2.0","id":10,"method":"tools\/call","params":{"name":"\u0074","arguments":{"\u0061":"\/\u00e9\u2028\ud83d\ude00\b\f\u007f</script>"}}}`, 1, 1},
		{"escaped method", `{"jsonrpc":"2.0","id":10,"method":"\u0074ools/call","params":{"name":"t"}}`, 1, 1},
		{"lone surrogate", `{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"t","arguments":{"a":"\ud83d"}}}`, 1, 1},
		{"duplicate in arguments", `{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"t","arguments":{"a":1,"a":2}}}`, 1, 1},
		{"megabytes", `{"jsonrpc":"2.0","id":11,"method":"tools/call","params":{"name":"t","arguments":{"a":"` + strings.Repeat("x", 3<<20) + `"}}}`, 1, 1},
		{"batch", `[{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"t"}}, {"jsonrpc":"2.0","method":"ping"} ,{"jsonrpc":"2.0","id":"13","method":"tools/call","params":{"name":"u","_meta":{"x":1}}}]`, 2, 2},
		{"no params", `{"jsonrpc":"2.0","id":14,"method":"tools/call"}`, 0, 1},
		{"params is an array", `{"jsonrpc":"2.0","id":14,"method":"tools/call","params":["t"]}`, 0, 1},
		{"meta is null", `{"jsonrpc":"2.0","id":14,"method":"tools/call","params":{"name":"t","_meta":null}}`, 0, 1},

		{"something else in its place", `{"jsonrpc":"2.0","id":14,"method":"tools/call","params":{"name":"t","_meta":{"_signet":null}}}`, 0, 1},

		{"not a call", `{"jsonrpc":"2.0","id":15,"method":"tools/list","params":{}}`, 0, 0},
		{"named in arguments", `{"jsonrpc":"2.0","id":15,"method":"x","params":{"method":"tools/call"}}`, 0, 0},
		{"a reply", `{"jsonrpc":"2.0","id":1,"result":{"n":9007199254740993,  "s":"\u0041"}}`, 0, 0},
		{"junk", "\x00\xff not JSON {]", 0, 0},
		{"byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":16,"method":"ping"}`, 0, 0},
		{"nothing", "", 0, 0},
		{"a CR", "\r", 0, 0},
		{"a number", "1e400", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			sent := []byte(c.line + "\n")
			got := sunk(t, home, sent)
			receipts, err := unsplice(sent, got)
			if err != nil {
				t.Fatalf("%v\nsent %q\n got %q", err, head(sent), head(got))
			}
			logged := home.records(t)
			if len(receipts) != c.receipts || len(logged) != c.logged {
				t.Fatalf("%d receipts and %d records, want %d and %d\n got %q",
					len(receipts), len(logged), c.receipts, c.logged, head(got))
			}
			if c.logged == 0 {
				if _, err := os.Stat(filepath.Join(home.dir, ".signet")); err == nil {
					t.Error("something was made in the home with no call to record")
				}
				return
			}
			for i, call := range callsIn(t, sent) {
				logged[i].verify(t, home.key(t), call.arguments)
				if logged[i].Action.CallID != call.callID(t) {
					t.Errorf("call_id is %q, want %q", logged[i].Action.CallID, call.callID(t))
				}
				if i < len(receipts) {
					if d := difference(logged[i].travelling(t), receipts[i]); d != "" {
						t.Error("receipt in the log and in the request: ", d)
					}
					home.signet(t, 0, receipts[i], "verify", "-")
				}
			}
			home.signet(t, 0, nil, "verify", "--chain")
		})
	}
}

// sunk sends b through the wrapper and returns what a server received.
func sunk(t *testing.T, home home, b []byte) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "sink", file)...))
	p.write(b)
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("answered %q", rest)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestLastLine: a last line without a newline is a line too.
func TestLastLine(t *testing.T) {
	home := newHome(t)
	sent := []byte(`{"jsonrpc":"2.0","method":"a"}` + "\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`)
	receipts, err := unsplice(sent, sunk(t, home, sent))
	if err != nil || len(receipts) != 1 {
		t.Errorf("%d receipts, %v", len(receipts), err)
	}
}

// TestReceiptIsKept: a call that carries a receipt keeps it, and ours names it.
func TestReceiptIsKept(t *testing.T) {
	home := newHome(t)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}` + "\n"
	first := sunk(t, home, []byte(call))
	second := sunk(t, home, first)
	if d := difference(first, second); d != "" {
		t.Error("a call with a receipt was changed: ", d)
	}
	logged := home.records(t)
	if len(logged) != 2 || logged[1].Action.Parent != logged[0].ID {
		t.Fatalf("%d records; parent_receipt_id %q, want %q", len(logged), logged[1].Action.Parent, logged[0].ID)
	}
	if logged[0].Action.Session == logged[1].Action.Session {
		t.Error("two processes, one session")
	}
}

// TestManyCalls: a burst in one write, calls and others mixed, arrives in
// order, as does what the log has of it.
func TestManyCalls(t *testing.T) {
	home := newHome(t)
	var sent bytes.Buffer
	for i := range 1000 {
		switch i % 4 {
		case 0, 1:
			sent.WriteString(strings.ReplaceAll(`{"jsonrpc":"2.0","id":N,"method":"tools/call","params":{"name":"t","arguments":{"n":N}}}`+"\n", "N", itoa(i)))
		case 2:
			sent.WriteString(strings.ReplaceAll(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":N}}`+"\n", "N", itoa(i)))
		case 3:
			sent.WriteString("junk " + itoa(i) + "\n")
		}
	}
	got := sunk(t, home, sent.Bytes())
	home.check(t, []tapped{{in: sent.Bytes()}}, []tapped{{in: got}})
}
