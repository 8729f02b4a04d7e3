package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Issue 3, "Content-Length framing".

const (
	framedPing = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	framedCall = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"a":2}}}`
	framedTwin = `{"jsonrpc":"2.0","id":3,"method":"ping","Method":"tools/call"}`
)

// TestFramed: a session in frames with a server that speaks them: the calls
// are signed, the length in the header is made to fit, the rest of the header
// stays, and what is refused is answered in a frame.
func TestFramed(t *testing.T) {
	home := newHome(t)
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "framed", file)...))
	headed := func(header, body string) string {
		return strings.Replace(header, "{n}", itoa(len(body)), 1) + body
	}
	var calls []string
	var want string // with the bodies as they were sent
	for i, f := range []struct{ header, body string }{
		{"Content-Length: {n}\r\n\r\n", framedPing},
		{"Content-Length: {n}\r\n\r\n", framedCall},
		{"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-length:\t {n} \r\n\r\n", framedCall},
		{"content-length:{n}\r\nX-Other: 12\r\n\r\n", framedCall + "\n"},
		{"Content-Length: 00{n}\r\n\r\n", framedPing},
		{"Content-Length: {n}\r\n\r\n", framedTwin},
		{"Content-Length: {n}\r\n\r\n", framedPing},
	} {
		sent := headed(f.header, f.body)
		p.send(sent)
		if response := p.frame(); f.body == framedTwin {
			if ids, _ := replies(t, response); ids != "[3]" {
				t.Errorf("frame %d: a reply to %s", i, ids)
			}
			continue
		} else if want := `{"jsonrpc":"2.0","id":` + string(idOf([]byte(sent))) + `,"result":{}}`; string(response) != want {
			t.Errorf("frame %d: heard %q, want %q", i, response, want)
		}
		want += sent
		if strings.HasPrefix(f.body, framedCall) {
			calls = append(calls, sent)
		}
	}
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("heard %q, too", rest)
	}

	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// fakeFramed read it all, so the lengths fit. With the old ones in their
	// place, nothing may differ but the receipts.
	logged, key := home.records(t), home.key(t)
	if len(logged) != len(calls) {
		t.Fatalf("%d records of %d calls", len(logged), len(calls))
	}
	const insertion = `,"_meta":{"_signet":%s}`
	for i, sent := range calls {
		logged[i].verify(t, key, []byte(`{"a":2}`))
		added := fmt.Sprintf(insertion, logged[i].travelling(t))
		size := len(framedCall) + strings.Count(sent[len(sent)-1:], "\n")
		with := strings.Replace(sent, itoa(size), itoa(size+len(added)), 1)
		with = strings.Replace(with, "}}}", "}"+added+"}}", 1)
		want = strings.Replace(want, sent, with, 1)
	}
	if d := difference([]byte(want), got); d != "" {
		t.Error(d)
	}
	home.signet(t, 0, nil, "verify", "--chain")
}

// frame receives a frame.
func (p *proc) frame() []byte {
	p.t.Helper()
	p.pipe.SetReadDeadline(time.Now().Add(patience))
	body, err := readFrame(p.out)
	if err != nil {
		p.t.Fatalf("reading a frame: %v", err)
	}
	return body
}

// TestFramedSplit sends a call in two pieces, cut at each of its bytes.
func TestFramedSplit(t *testing.T) {
	home := newHome(t)
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, home.dir, wrapped.argv(t, []string{"--sync", "off"}, fake(t, "framed", file)...))
	message := frame(framedCall)
	for i := range message {
		p.write(message[:i])
		if i > 0 {
			time.Sleep(time.Millisecond) // so that the pieces do not travel together
		}
		p.write(message[i:])
		if response := string(p.frame()); response != `{"jsonrpc":"2.0","id":2,"result":{}}` {
			t.Fatalf("cut at %d: heard %q", i, response)
		}
	}
	p.finish()
	checkFrames(t, home, file, len(message))
}

// checkFrames holds that a framed server was given n calls, each with its
// receipt.
func checkFrames(t *testing.T, home home, file string, n int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	logged := home.records(t)
	calls := 0
	for {
		body, err := readFrame(in)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(body, []byte("tools/call")) {
			continue
		}
		if calls < len(logged) && !bytes.Contains(body, logged[calls].travelling(t)) {
			t.Errorf("call %d has no receipt: %s", calls, body)
		}
		calls++
	}
	if calls != n || len(logged) != n {
		t.Errorf("%d calls, %d records, want %d", calls, len(logged), n)
	}
}

// TestFramedToLines: a client that speaks frames and a server that speaks
// lines do not understand each other. With the wrapper, they misunderstand in
// the same way, and the call is signed; nobody hangs.
func TestFramedToLines(t *testing.T) {
	see := func(w way, home home, file string) (out, got []byte) {
		p := start(t, home.dir, w.argv(t, nil, fake(t, "tap", file, fake(t, "echo")[0], "fake", "echo")...))
		for _, body := range []string{framedPing, framedPing + "\n", framedCall} {
			p.write(frame(body))
		}
		out = p.finish()
		got, err := os.ReadFile(file + ".1.in")
		if err != nil {
			t.Fatal(err)
		}
		return out, got
	}
	home, dir := newHome(t), t.TempDir()
	want, _ := see(direct, home, filepath.Join(dir, "direct"))
	out, got := see(wrapped, home, filepath.Join(dir, "wrapped"))
	if d := difference(got, out); d != "" {
		t.Error("what the server got and what it sent back: ", d)
	}
	logged := home.records(t)
	if len(logged) != 1 {
		t.Fatalf("%d records", len(logged))
	}
	added := fmt.Sprintf(`,"_meta":{"_signet":%s}`, logged[0].travelling(t))
	text := strings.Replace(string(want), "}}}", "}"+added+"}}", 1)
	text = strings.Replace(text, fmt.Sprintf("Content-Length: %d\r", len(framedCall)), fmt.Sprintf("Content-Length: %d\r", len(framedCall)+len(added)), 1)
	if d := difference([]byte(text), got); d != "" {
		t.Error("what the server got: ", d)
	}

	// The response to what is refused comes in a frame, and at once.
	p := start(t, newHome(t).dir, wrapped.argv(t, nil, fake(t, "reply")...))
	p.write(frame(framedTwin))
	if ids, _ := replies(t, p.frame()); ids != "[3]" {
		t.Errorf("a reply to %s", ids)
	}
	p.finish()
}

// TestFramedOddly: bodies that are no JSON, and headers that lie. Whatever a
// server makes of them, it is given no call without a receipt, a refusal is
// answered, and the session ends as it does without the wrapper.
func TestFramedOddly(t *testing.T) {
	header := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	ping, call := string(frame(framedPing)), string(frame(framedCall))
	for _, c := range []struct {
		name, sent string
		refused    bool // something is, and nothing else is heard
		calls      int  // that are signed
	}{
		{"empty body", header(0) + ping, false, 0},
		{"no JSON", header(5) + "hello" + ping, true, 0},
		{"a call that is no JSON", string(frame(framedCall[:40])) + ping, true, 0},
		{"a call with a NaN", string(frame(strings.Replace(framedCall, "2}", "NaN}", 1))) + ping, true, 0},
		{"a call on two lines", string(frame(strings.Replace(framedCall, ",", ",\n", 1))) + ping, true, 0},
		{"two calls in one body", string(frame(framedCall+framedCall)) + ping, true, 0},
		{"a call in a header", "Content-Type: " + framedCall + "\r\n" + ping, true, 0},
		{"too short for its call", header(10) + framedCall + "\n" + ping, true, 0},
		{"short by one", header(len(framedCall)-1) + framedCall + "\n" + ping, true, 0},
		{"short by all", header(0) + framedCall + "\n" + ping, false, 1},
		{"too long", header(len(framedCall)+1) + framedCall + ping, true, 0},
		{"into the next body", header(len(framedCall)+len(call)-10) + framedCall + call, true, 0},
		{"longer than what comes", header(len(framedCall)+100) + framedCall, true, 0},
		{"longer than may come", header(9_999_999_999) + framedCall + ping, true, 0},
		{"longer than a number", "Content-Length: 99999999999999999999999\r\n\r\n" + framedCall + "\n" + ping, false, 1},
		{"negative", header(-5) + framedCall + "\n" + ping, false, 1},
		{"two lengths", "Content-Length: 5\r\n" + call + "\n" + ping, false, 1},
		{"no length", "Content-Type: x\r\n\r\n" + framedCall + "\n" + ping, false, 1},
		{"no number", "Content-Length: x\r\n\r\n" + framedCall + "\n" + ping, false, 1},
		{"header without end", "Content-Length: 5\r\n", false, 0},
		{"half a header", "Content-Le", false, 0},
		{"half a call", call[:len(call)-5], true, 0},
		{"long header", "Content-Length: 5\r\nX: " + strings.Repeat("x", 10_000) + "\r\n\r\n" + framedCall + "\n" + ping, false, 1},
		{"a line in between", call + framedCall + "\n" + ping, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			file := filepath.Join(t.TempDir(), "received")
			p := start(t, home.dir, wrapped.argv(t, []string{"--sync", "off"}, fake(t, "sink", file)...))
			p.send(c.sent)
			heard := p.finish()
			if refused := bytes.Contains(heard, []byte(`"error"`)); refused != c.refused {
				t.Errorf("heard %q", heard)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, method := range []string{"tools/call", `tools\/call`} {
				if n := bytes.Count(got, []byte(method)); n > strings.Count(string(got), `"_signet":{`) {
					t.Errorf("%d calls reach the server, not all with a receipt: %q", n, head(got))
				}
			}
			if n := len(home.records(t)); n != c.calls {
				t.Errorf("%d records, want %d; the server got %q", n, c.calls, head(got))
			}
			if c.refused {
				return
			}
			receipts := home.records(t)
			for _, r := range receipts {
				added := fmt.Appendf(nil, `,"_meta":{"_signet":%s}`, r.travelling(t))
				got = bytes.Replace(got, added, nil, 1)
				got = bytes.Replace(got, []byte(header(len(framedCall)+len(added))), []byte(header(len(framedCall))), 1)
			}
			if d := difference([]byte(c.sent), got); d != "" {
				t.Error(d)
			}
		})
	}
}
