package wrap

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/wrap/record"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// piped is a pump between a client and a server that are pipes, with a real
// log. Of the server's output there is none.
type piped struct {
	t       *testing.T
	audit   string
	client  *os.File      // what the client writes to
	got     chan string   // what the server reads, a line each; closed at the end
	replied chan string   // what the client reads, likewise
	ended   chan struct{} // closed when the pump has ended
	said    *os.File      // stderr
	pump    *pump
	atSign  func() // called before each signature
}

// watchedKey lets a test look at the log at the moment of a signature.
type watchedKey struct {
	ed25519.PrivateKey
	before func()
}

func (k watchedKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	k.before()
	return k.PrivateKey.Sign(r, message, o)
}

// startPump starts one; change may set what is not as usual.
func startPump(t *testing.T, change func(p *piped, o *Options)) *piped {
	t.Helper()
	p := &piped{
		t: t, audit: filepath.Join(t.TempDir(), "audit"),
		got: make(chan string, 1<<16), replied: make(chan string, 1<<16), ended: make(chan struct{}),
	}
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	watched := watchedKey{key, func() {
		if p.atSign != nil {
			p.atSign()
		}
	}}
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { said.Close() })
	p.said = said
	o := Options{Diagnostics: said, Options: record.Options{
		Audit: p.audit, NoHeads: true, NoOutcomes: true, NoSync: true, Command: []string{"test"}, Target: "mcp://test",
		Signer: func() (*sign.Signer, error) { return sign.NewSigner(watched, "test", "") },
	}}
	if change != nil {
		change(p, &o)
	}
	o.setDefaults()
	clientR, clientW := filePipe(t)
	serverR, serverW := filePipe(t)
	outR, outW := io.Pipe()
	say := &speaker{w: said}
	o.Say = say.say
	rec := record.New(o.Options)
	p.client = clientW
	p.pump = newPump(&ahead{r: clientR}, serverW, rec, newClientWriter(outW), say, &o)
	go func() {
		defer close(p.ended)
		if err := p.pump.run(); err != nil {
			t.Errorf("the pump: %v", err)
		}
		if err := rec.Close(); err != nil {
			say.say(err.Error())
		}
		p.pump.out.finish()
	}()
	lines := func(r io.Reader, to chan string) {
		defer close(to)
		for b := bufio.NewReader(r); ; {
			l, err := b.ReadString('\n')
			if l != "" {
				to <- l
			}
			if err != nil {
				return
			}
		}
	}
	go lines(serverR, p.got)
	go lines(outR, p.replied)
	return p
}

func filePipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func (p *piped) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.client, s); err != nil {
		p.t.Fatal(err)
	}
}

// next is the next line from one of the pump's ends.
func (p *piped) next(from chan string) string {
	p.t.Helper()
	select {
	case l := <-from:
		return l
	case <-time.After(30 * time.Second):
		p.t.Fatal("nothing comes")
		return ""
	}
}

// end closes the client's end and returns all that came and was not asked for.
func (p *piped) end() (got, replied []string) {
	p.t.Helper()
	p.client.Close()
	hung(p.t, "the end", p.ended)
	for l := range p.got {
		got = append(got, l)
	}
	for l := range p.replied {
		replied = append(replied, l)
	}
	return got, replied
}

// stderr is what was said so far.
func (p *piped) stderr() string {
	b, err := os.ReadFile(p.said.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// logged are the receipts and events in the log, which must verify.
func (p *piped) logged() (all []*sign.Verified) {
	p.t.Helper()
	report, err := testlog.Verify(context.Background(), p.audit, chain.VerifyOptions[*sign.Verified]{
		Check: func(receipt []byte, _ chain.Hash) (c chain.Checked[*sign.Verified]) {
			c.Result, c.Bad = sign.Verify(bytes.Clone(receipt), sign.AnyKey)
			return c
		},
		Visit: func(_ chain.Entry, v *sign.Verified) { all = append(all, v) },
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || report.Damaged > 0 || report.Torn != nil {
		p.t.Errorf("the log does not verify: %v, %+v", err, report)
	}
	return all
}

// records is how many lines the log has, without a look at what they say.
func (p *piped) records() int {
	n := 0
	files, _ := filepath.Glob(filepath.Join(p.audit, "*.jsonl"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		n += bytes.Count(b, []byte("\n"))
	}
	return n
}

// callLine is the i-th call of a test.
func callLine(i int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t","arguments":{"i":%d}}}`+"\n", i, i)
}

func pingLine(i int) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`+"\n", i) }

// carriedID is the id of the receipt in a call that was forwarded, "" if it
// has none.
func carriedID(line string) string {
	var m struct {
		Params struct {
			Meta struct {
				Receipt struct {
					ID string `json:"id"`
				} `json:"_signet"`
			} `json:"_meta"`
		} `json:"params"`
	}
	json.Unmarshal([]byte(line), &m)
	return m.Params.Meta.Receipt.ID
}

// errorCode is the code and id of an error reply.
func errorCode(line string) string {
	var m struct {
		ID    json.RawMessage
		Error struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil || !strings.HasPrefix(m.Error.Message, "signet-wrap: ") {
		return "not a reply: " + line
	}
	return fmt.Sprintf("%d %s", m.Error.Code, m.ID)
}

// TestEvidenceBeforeAction: whenever the server gets a call, its receipt is in
// the log already, whether calls come alone or in bursts.
func TestEvidenceBeforeAction(t *testing.T) {
	for _, sync := range []bool{false, true} {
		p := startPump(t, func(_ *piped, o *Options) { o.NoSync = !sync })
		for burst := 1; burst < 100; burst *= 3 {
			var lines strings.Builder
			for i := range burst {
				lines.WriteString(callLine(i))
			}
			p.send(lines.String())
			for range burst {
				id := carriedID(p.next(p.got))
				files, _ := filepath.Glob(filepath.Join(p.audit, "*.jsonl"))
				b, _ := os.ReadFile(files[0])
				if !bytes.Contains(b, []byte(id)) || id == "" {
					t.Fatalf("the server has the call with receipt %q, and the log does not", id)
				}
			}
		}
		p.end()
		p.logged()
	}
}

// oddLine is a message, some of them calls, with a few random changes.
func oddLine(r *mathrand.Rand) []byte {
	base := []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":[1,2,{"b":null}]}}}`,
		`{"id":"s","method":"tools/call","params":{"name":"t","_meta":{"progressToken":1}}}`,
		`[{"id":1,"method":"tools/call","params":{"name":"x"}},{"id":2,"method":"tools/call"}]`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`plain text, no JSON`,
		``,
	}
	line := []byte(base[r.IntN(len(base))])
	for range r.IntN(3) {
		at := r.IntN(len(line) + 1)
		odd := []string{`"`, `\\u0074`, `}`, `,"method":"ping"`, "\x80", ` `, `"Method":"tools/call",`, `1e400`}
		line = slices.Insert(line, at, []byte(odd[r.IntN(len(odd))])...)
	}
	return line
}

// TestOrder: lines of all sorts, calls among them, reach the server in order,
// each as it came but for its receipts; each refused one has a reply.
func TestOrder(t *testing.T) {
	p := startPump(t, nil)
	random := mathrand.New(mathrand.NewPCG(9, 10))
	type expected struct {
		line  string
		calls []mcpwire.Call
	}
	var want []expected
	refused, calls := 0, 0
	gate := mcpwire.NewGate("_signet")
	var all strings.Builder
	for range 3000 {
		line := oddLine(random)
		if bytes.ContainsAny(line, "\n") || len(line) > 0 && line[0]|0x20 == 'c' {
			continue // that is two, or may be a header
		}
		line = append(line, '\n')
		v := gate.Judge(line)
		if v.Refusal != nil {
			refused++
		} else {
			calls += len(v.Calls)
			want = append(want, expected{string(line), v.Calls})
		}
		all.Write(line)
	}
	p.send(all.String())
	got, replied := p.end()
	if len(got) != len(want) {
		t.Fatalf("%d lines came of %d", len(got), len(want))
	}
	for i, w := range want {
		back, err := withoutReceipts(got[i], w.calls)
		if err != nil || back != w.line {
			t.Fatalf("line %d is %q (%v), want %q", i, got[i], err, w.line)
		}
	}
	if len(replied) != refused {
		t.Errorf("%d replies to %d refused lines", len(replied), refused)
	}
	if logged := p.logged(); len(logged) != calls || calls == 0 {
		t.Errorf("%d records of %d calls", len(logged), calls)
	}
}

// withoutReceipts takes out of line what was put in for calls.
func withoutReceipts(line string, calls []mcpwire.Call) (string, error) {
	back := ""
	for _, c := range calls {
		if c.InsertAt == 0 {
			continue
		}
		n := min(len(line), c.InsertAt-len(back))
		back, line = back+line[:n], line[n:]
		rest, ok := strings.CutPrefix(line, c.Before)
		if !ok {
			return "", fmt.Errorf("no %q at %d", c.Before, len(back))
		}
		d := json.NewDecoder(strings.NewReader(rest))
		var receipt json.RawMessage
		if err := d.Decode(&receipt); err != nil {
			return "", err
		}
		switch v, err := sign.Verify(receipt, sign.AnyKey); {
		case err != nil:
			return "", err
		case v.CallID != mcpwire.CallID(c.ID) || v.Tool != c.Tool:
			return "", fmt.Errorf("the receipt is of another call, %q (%s)", v.Tool, v.CallID)
		}
		if line, ok = strings.CutPrefix(rest[d.InputOffset():], c.After); !ok {
			return "", fmt.Errorf("no %q after the receipt", c.After)
		}
	}
	return back + line, nil
}

// TestTogether: calls that are there together are recorded by one append, and
// what comes before them does not wait for it.
func TestTogether(t *testing.T) {
	var p *piped
	var mu sync.Mutex
	at := map[int]int{} // number of records at a signature → number of signatures
	p = startPump(t, func(p *piped, _ *Options) {
		p.atSign = func() {
			mu.Lock()
			at[p.records()]++
			mu.Unlock()
		}
	})
	const n = 100
	var burst strings.Builder
	for i := range n {
		burst.WriteString(callLine(i) + pingLine(i))
	}
	p.send(burst.String())
	for i := range n {
		if id := carriedID(p.next(p.got)); id == "" {
			t.Errorf("call %d has no receipt", i)
		}
		if l := p.next(p.got); l != pingLine(i) {
			t.Errorf("after call %d came %q", i, l)
		}
	}
	if len(at) != 1 || at[0] != n {
		t.Errorf("number of records at the time of %d signatures: %v; want one append for all", n, at)
	}

	// More than may go together, and still each once.
	for i := range 3 * maxTogether {
		burst.WriteString(callLine(i))
	}
	p.send(burst.String())
	p.end()
	if got := len(p.logged()); got != 2*n+3*maxTogether {
		t.Errorf("%d records, want %d", got, 2*n+3*maxTogether)
	}

	// What comes before a call is with the server while the call is signed.
	signing, goOn := make(chan struct{}), make(chan struct{})
	p = startPump(t, func(p *piped, _ *Options) {
		p.atSign = func() { close(signing); <-goOn }
	})
	p.send(pingLine(1) + callLine(2) + pingLine(3))
	hung(t, "signing", signing)
	if l := p.next(p.got); l != pingLine(1) {
		t.Errorf("first came %q", l)
	}
	if len(p.got) > 0 {
		t.Errorf("before its signature came %q", <-p.got)
	}
	close(goOn)
	p.end()
}

// TestNotRecorded: what cannot be recorded is not forwarded, and each call
// has a reply; all else goes on, in order; and the next call is recorded when the
// cause is gone.
func TestNotRecorded(t *testing.T) {
	for _, c := range []struct {
		name       string
		break_     func(p *piped)
		repair     func(p *piped)
		beforehand bool // some calls are recorded first
	}{
		{name: "a file where the directory should be",
			break_: func(p *piped) { os.WriteFile(p.audit, nil, 0o600) },
			repair: func(p *piped) { os.Remove(p.audit) }},
		{name: "a file where a directory above should be",
			break_: func(p *piped) { os.WriteFile(filepath.Dir(p.audit), nil, 0o600) },
			repair: func(p *piped) { os.Remove(filepath.Dir(p.audit)) }},
		{name: "the directory is replaced by a file", beforehand: true,
			break_: func(p *piped) { os.Rename(p.audit, p.audit+".away"); os.WriteFile(p.audit, nil, 0o600) },
			repair: func(p *piped) { os.Remove(p.audit); os.Rename(p.audit+".away", p.audit) }},
		{name: "the day's file is replaced by a directory", beforehand: true,
			break_: func(p *piped) {
				for _, f := range p.days() {
					os.Rename(f, f+".away")
					os.Mkdir(f, 0o700)
				}
			},
			repair: func(p *piped) {
				for _, f := range p.days() {
					os.Remove(f)
					os.Rename(f+".away", f)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.beforehand && runtime.GOOS == "windows" {
				t.Skip("what is open cannot be renamed")
			}
			t.Parallel()
			p := startPump(t, func(p *piped, o *Options) {
				if strings.Contains(c.name, "above") {
					p.audit = filepath.Join(filepath.Dir(p.audit)+"2", "audit")
					o.Audit = p.audit
				}
			})
			recorded := 0
			if c.beforehand {
				p.send(callLine(1))
				p.next(p.got)
				recorded++
			}
			c.break_(p)
			p.send(pingLine(1) + callLine(2) + pingLine(3) + strings.Replace(callLine(4), `"id":4,`, "", 1) +
				`[{"id":"a","method":"ping"},{"id":5,"method":"tools/call"}]` + "\n" + pingLine(6))
			for _, want := range []string{pingLine(1), pingLine(3), pingLine(6)} {
				if got := p.next(p.got); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			for _, want := range []string{"-32603 2", "-32603 null"} {
				if got := errorCode(p.next(p.replied)); got != want {
					t.Errorf("reply %s, want %s", got, want)
				}
			}
			var batch []json.RawMessage
			if l := p.next(p.replied); json.Unmarshal([]byte(l), &batch) != nil || len(batch) != 2 ||
				errorCode(string(batch[0])) != `-32603 "a"` || errorCode(string(batch[1])) != "-32603 5" {
				t.Errorf("the reply to the batch is %s", l)
			}
			if said := p.stderr(); !strings.Contains(said, "not recorded") {
				t.Errorf("on stderr: %q", said)
			}

			c.repair(p)
			p.send(callLine(7))
			if id := carriedID(p.next(p.got)); id == "" {
				t.Error("with the cause gone, a call is forwarded without a receipt")
			}
			got, replied := p.end()
			if len(got)+len(replied) > 0 {
				t.Errorf("there also came %q and %q", got, replied)
			}
			if n := len(p.logged()); n != recorded+1 {
				t.Errorf("%d records, want %d", n, recorded+1)
			}
		})
	}
}

// days are the log's files, also those that are away.
func (p *piped) days() []string {
	files, _ := filepath.Glob(filepath.Join(p.audit, "*.jsonl"))
	return files
}

// TestNoKey: without a key calls are refused, with the reason, and the key is
// asked for again at the next one.
func TestNoKey(t *testing.T) {
	reason := errors.New("set SIGNET_PASSPHRASE")
	asked := 0
	p := startPump(t, func(p *piped, o *Options) {
		signer := o.Signer
		o.Signer = func() (*sign.Signer, error) {
			if asked++; asked < 3 {
				return nil, reason
			}
			return signer()
		}
	})
	for i := range 2 {
		p.send(callLine(i) + pingLine(i))
		if l := p.next(p.got); l != pingLine(i) {
			t.Errorf("the server got %q", l)
		}
		if l := p.next(p.replied); errorCode(l) != fmt.Sprintf("-32603 %d", i) || !strings.Contains(l, reason.Error()) {
			t.Errorf("reply %s", l)
		}
	}
	if _, err := os.Stat(p.audit); err == nil {
		t.Error("there is a log of nothing")
	}
	for range 2 {
		p.send(callLine(3))
		if id := carriedID(p.next(p.got)); id == "" {
			t.Error("with a key, a call is forwarded without a receipt")
		}
	}
	p.end()
	if n := len(p.logged()); n != 2 || asked != 3 {
		t.Errorf("%d records, and the key was asked for %d times, not 3", n, asked)
	}
}

// TestFailOpen: calls that cannot be recorded are forwarded as they are, and
// an event says how many they were, before the next call or at the end.
func TestFailOpen(t *testing.T) {
	for _, c := range []struct{ name, next string }{
		{"then a call", callLine(5)},
		{"then the end", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startPump(t, func(_ *piped, o *Options) { o.FailOpen = true })
			if err := os.WriteFile(p.audit, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			batch := `[{"method":"tools/call"},{"method":"tools/call","params":{}}]` + "\n"
			p.send(callLine(1) + pingLine(2) + batch)
			for _, want := range []string{callLine(1), pingLine(2), batch} {
				if got := p.next(p.got); got != want {
					t.Errorf("got %q, want it as it was: %q", got, want)
				}
			}
			if said := p.stderr(); !strings.Contains(said, "UNSIGNED") {
				t.Errorf("on stderr: %q", said)
			}
			os.Remove(p.audit)
			p.send(c.next)
			p.end()
			logged := p.logged()
			if len(logged) == 0 || logged[0].Type != "gap" {
				t.Fatalf("%d records, and the first is not of a gap", len(logged))
			}
			if c.next != "" && (len(logged) != 2 || logged[1].Tool != "t") {
				t.Errorf("%d records", len(logged))
			}
			b, _ := os.ReadFile(p.days()[0])
			if !bytes.Contains(b, []byte(`"calls":3,`)) {
				t.Errorf("not of three calls: %s", b)
			}
		})
	}

	// A gap that nobody could record is at least said.
	p := startPump(t, func(_ *piped, o *Options) { o.FailOpen = true })
	if err := os.WriteFile(p.audit, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.send(callLine(1))
	p.end()
	if said := p.stderr(); !strings.Contains(said, "forwarded unsigned and not recorded in the log: 1 call:") {
		t.Errorf("on stderr: %q", said)
	}
}

// TestTooLong: a message longer than may be is dropped and has a reply by its id,
// wherever that is, and what follows goes on.
func TestTooLong(t *testing.T) {
	p := startPump(t, func(_ *piped, o *Options) { o.MaxCall = 10_000 })
	filler := strings.Repeat("x", 200_000)
	p.send(`{"id":1,"method":"tools/call","params":{"name":"` + filler + `"}}` + "\n" + pingLine(1) +
		`{"method":"tools/call","params":{"name":"` + filler + `"},"id":"last"}` + "\n" + callLine(2) +
		`{"id":7,"result":"` + filler + `"}` + "\n" + pingLine(3))
	if l := p.next(p.got); l != pingLine(1) {
		t.Errorf("got %.100q", l)
	}
	if carriedID(p.next(p.got)) == "" {
		t.Error("the call after it has no receipt")
	}
	if l := p.next(p.got); l != pingLine(3) {
		t.Errorf("got %.100q", l)
	}
	for _, want := range []string{"-32600 1", `-32600 "last"`, "-32600 null"} {
		if got := errorCode(p.next(p.replied)); got != want {
			t.Errorf("reply %s, want %s", got, want)
		}
	}
	p.end()
}

// TestFrames: the reply to a frame is a frame, and forwarded as one.
func TestFrames(t *testing.T) {
	p := startPump(t, nil)
	frame := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	p.send(frame(`{"id":1,"METHOD":"tools/call"}`) + frame(`{"id":2,"method":"ping"}`) + frame(strings.TrimSuffix(callLine(3), "\n")))
	got, replied := p.end()
	header, body, f := mcpwire.ParseHeader([]byte(strings.Join(replied, "")))
	if all := strings.Join(replied, ""); f != mcpwire.IsFrame || header+body != len(all) || errorCode(all[header:]) != "-32600 1" {
		t.Errorf("reply %q", all)
	}
	rest, ok := strings.CutPrefix(strings.Join(got, ""), frame(`{"id":2,"method":"ping"}`))
	header, body, f = mcpwire.ParseHeader([]byte(rest))
	if !ok || f != mcpwire.IsFrame || header+body != len(rest) || carriedID(rest[header:]) == "" {
		t.Errorf("got %q", got)
	}
}

// TestReceiptSaysWhatWasSent: the receipt in the log is of the bytes that the
// server got.
func TestReceiptSaysWhatWasSent(t *testing.T) {
	for _, args := range []string{
		``, `null`, `{}`, `{"b":1.50,"a":"\u00e9"}`, `[1]`, `"x"`, `9007199254740993`, `{"n":1e400}`, `{"a":1,"a":2}`,
		`{"s":"\ud800"}`, "{\"s\":\"\xff\"}", `{"deep":` + nested(500) + `}`, nested(9_990), `1e99999999999`, `{"long":"` + strings.Repeat("x", 2<<20) + `"}`,
		`{"long": "` + strings.Repeat("x", 40_000) + `", "a": 1.0}`, `{"long":"` + strings.Repeat("\\u0041", 60_000) + `"}`,
	} {
		p := startPump(t, nil)
		member := ""
		if args != "" {
			member = `,"arguments": ` + args
		}
		line := `{"id":"é","method":"tools/call","params":{"name":"t"` + member + "}}\n"
		p.send(line)
		got := p.next(p.got)
		p.end()
		logged := p.logged()
		if len(logged) != 1 {
			t.Fatalf("%d records", len(logged))
		}
		v := logged[0]
		if v.Tool != "t" || v.CallID != "s:é" || v.Target != "mcp://test" || v.ID != carriedID(got) || v.HashOnly {
			t.Errorf("arguments %.50q: %+v", args, v)
		}
		said := string(v.Arguments())
		switch {
		case v.Exact && said != args:
			t.Errorf("arguments %.50q: the receipt says %.50q", args, said)
		case !v.Exact && args != "" && args != "null":
			var a, b any
			if json.Unmarshal([]byte(args), &a) != nil || json.Unmarshal([]byte(said), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("arguments %.50q: the receipt says %.50q", args, said)
			}
		}
		if len(got) > len(line)+1500 {
			t.Errorf("arguments %.50q: a line of %d bytes has become %d", args, len(line), len(got))
		}
	}
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
