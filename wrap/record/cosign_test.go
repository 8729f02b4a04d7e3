package record

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// side is a Recorder of one side, with its key and its log.
type side struct {
	*Recorder
	key ed25519.PrivateKey
	dir string
}

func newSide(t *testing.T, letter byte, with func(*Options)) *side {
	t.Helper()
	s := &side{key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize)), dir: t.TempDir()}
	o := Options{Audit: s.dir, NoHeads: true, NoSync: true, Target: "mcp://x", Signer: func() (*sign.Signer, error) { return sign.NewSigner(s.key, string(letter), "") }}
	if with != nil {
		with(&o)
	}
	s.Recorder = New(o)
	return s
}

// said are what the log of the side says, of receipts that verify.
func (s *side) said(t *testing.T) (all []*sign.Verified) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for e, err := range testlog.Records(s.dir) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.Verify(bytes.Clone(e.Receipt), sign.AnyKey)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// passOn is what the server's side does with a request.
func (s *side) passOn(t *testing.T, request []byte) {
	t.Helper()
	v := mcpwire.NewReadingGate(DefaultMetaKey).Judge(request)
	calls := make([]Call, len(v.Calls))
	for i := range calls {
		calls[i] = Call(v.Calls[i].Fields)
	}
	if r := s.Check(calls); r != nil {
		t.Fatal(r)
	}
	if _, err := s.Calls(calls); err != nil {
		t.Fatal(err)
	}
}

// outcomeOfCall is the only response in a log.
func outcomeOfCall(t *testing.T, all []*sign.Verified) *sign.Verified {
	t.Helper()
	var found *sign.Verified
	for _, v := range all {
		if v.Version == 2 {
			if found != nil {
				t.Fatal("two outcomes")
			}
			found = v
		}
	}
	if found == nil {
		t.Fatal("no outcome")
	}
	return found
}

// TestCosign: the response that the server's side gives on is the server's, byte for
// byte, with its receipt; the client's side takes the receipt out before it hashes,
// and keeps it. What is no such receipt, or about something else, is reported and
// confirms nothing.
func TestCosign(t *testing.T) {
	const plain = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"5"}]}}`
	long := `{"jsonrpc":"2.0","id":1,"result":{"content":"` + strings.Repeat("x", MaxCosigned-len(`{"jsonrpc":"2.0","id":1,"result":{"content":""}}`)) + `"}}`
	nothing := func(b []byte) []byte { return b }
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
	}
	// What a program on the way makes of a response that it reads and writes again: the
	// TypeScript SDK puts _meta first, others write spaces.
	again := func(b []byte) []byte {
		var message any
		if err := json.Unmarshal(b, &message); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(message) // sorts, and "_" is before letters
		if err != nil {
			t.Fatal(err)
		}
		return append(b, '\n')
	}
	spaced := func(b []byte) []byte {
		var out bytes.Buffer
		if err := json.Indent(&out, again(b), "", " "); err != nil {
			t.Fatal(err)
		}
		return append(bytes.ReplaceAll(bytes.TrimSpace(out.Bytes()), []byte("\n"), []byte(" ")), '\n')
	}
	for _, c := range []struct {
		name, response string
		change         func([]byte) []byte // on the way to the client
		cosigned       bool
		why            string // "confirmed", or the reason of the event; "": neither
	}{
		{"a result", plain, nothing, true, "confirmed"},
		{"with a line end", plain + "\r\n", nothing, true, "confirmed"},
		{"an empty result", `{"id":1,"result":{}}`, nothing, true, "confirmed"},
		{"an empty _meta", `{"id":1,"result":{"_meta":{}}}`, nothing, true, "confirmed"},
		{"a _meta", `{"id":1,"result":{"_meta" : { "a":1 } , "b":[] } }`, nothing, true, "confirmed"},
		{"no canonical form", `{"id":1,"result":{"n":9007199254740993, "n":1}}`, nothing, true, "confirmed"},
		{"isError", `{"id":1,"result":{"isError":true,"content":[]}}`, nothing, true, "confirmed"},
		{"of 1 MiB", long, nothing, true, "confirmed"},
		{"written again", plain, again, true, "confirmed"},
		{"written again with a _meta", `{"id":1,"result":{"b":[],"_meta":{"a":1,"z":2.0}}}`, again, true, "confirmed"},
		{"written again with an empty _meta", `{"id":1,"result":{"b":[],"_meta":{}}}`, again, true, "confirmed"},
		{"written with spaces", plain, spaced, true, "confirmed"},
		{"written with spaces and a _meta", `{"id":1,"result":{"b":[],"_meta":{"a":1,"z":2.0}}}`, spaced, true, "confirmed"},
		{"written again and changed", plain, func(b []byte) []byte { return again(replace(`"text":"5"`, `"text":"6"`)(b)) }, true, "another result"},
		{"an error", `{"id":1,"error":{"code":-1,"message":"no"}}`, nothing, false, ""},
		{"a result that is no object", `{"id":1,"result":[1]}`, nothing, false, ""},
		{"a _meta that is none", `{"id":1,"result":{"_meta":1}}`, nothing, false, ""},
		{"one that has such a member", `{"id":1,"result":{"_meta":{"_signet":{"v":3}}}}`, nothing, false, "it has no"},
		{"two results", `{"id":1,"result":{},"result":{}}`, nothing, false, ""},

		{"another result", plain, replace(`"text":"5"`, `"text":"6"`), true, "another result"},
		{"altered", plain, replace(`"status":"executed"`, `"status":"failed"`), true, "not what was signed"},
		{"cut out of place", plain, replace(`"_meta":{"_signet":`, `"_meta":{"z":0,"_signet":`), true, "another result"},
		{"its end changed", plain, replace(`"v":3}`, `"v":3,"x":1}`), true, "not what was signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newSide(t, 'A', nil)
			server := newSide(t, 'S', func(o *Options) {
				checker, err := check.New(check.Options{Trust: check.Keys(client.key.Public().(ed25519.PublicKey)), Replays: t.TempDir(), Missing: check.MissingRefuse})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { checker.Close() })
				o.Check, o.Cosign = checker, true
			})
			sent, err := client.Request([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2}}}`))
			if err != nil {
				t.Fatal(err)
			}
			server.passOn(t, sent)
			if !server.Cosigns() {
				t.Error("the response is not held")
			}
			got := server.Cosign([]byte(c.response))
			if !c.cosigned && string(got) != c.response {
				t.Errorf("cosigned: %.300s", got)
			}
			if c.cosigned {
				_, rests := mcpwire.CarriedReceipt(resultOf(t, got), DefaultMetaKey)
				same := false
				for _, rest := range rests {
					same = same || strings.Replace(string(got), string(resultOf(t, got)), string(rest), 1) == c.response
				}
				if !same {
					t.Errorf("without its receipt it is not the server's: %.300s", got)
				}
			}
			if server.Cosigns() {
				t.Error("more is held")
			}
			client.Response(c.change(got))

			theirs, ours := outcomeOfCall(t, server.said(t)), client.said(t)
			mine := outcomeOfCall(t, ours)
			var confirmed *event.Cosigned
			reason := ""
			for _, v := range ours {
				switch e := v.Event.(type) {
				case event.Cosigned:
					confirmed = &e
				case event.BadCosignature:
					reason = e.Reason
				}
			}
			says := strings.Contains(mine.Outcome.Reason, "confirmed by the server's key "+keyText(server.key.Public().(ed25519.PublicKey)))
			switch {
			case c.why == "confirmed":
				if confirmed == nil || !says || reason != "" || mine.ResponseHash != theirs.ResponseHash {
					t.Errorf("event %v, reason %q, outcome %+v, the server's side %+v", confirmed, reason, mine.Outcome, theirs.Outcome)
				} else if v, err := sign.Verify(confirmed.Receipt, sign.AnyKey); err != nil || v.ResponseHash != theirs.ResponseHash || v.EmbeddedID != mine.ParentID {
					t.Errorf("the receipt that was kept: %v, %+v", err, v)
				}
			case confirmed != nil || says || c.why == "" && reason != "" || !strings.Contains(reason, c.why):
				t.Errorf("event %v, says %v, reason %q, want %q", confirmed, says, reason, c.why)
			}
			if !c.cosigned && !strings.Contains(theirs.Outcome.Reason, "not cosigned: ") {
				t.Errorf("the log of the server's side does not say that it was not cosigned: %+v", theirs.Outcome)
			}
		})
	}
}

// agentKey is a key that something else holds, which may not sign.
type agentKey struct {
	ed25519.PrivateKey
	refuses *atomic.Bool
}

func (agentKey) Held() bool { return true }

func (k agentKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.refuses.Load() {
		return nil, sshagent.ErrRefused
	}
	return k.PrivateKey.Sign(r, message, o)
}

// TestCosignHeld: a key that something else holds signs responses, and one that it does
// not sign passes as it came; the log says why.
func TestCosignHeld(t *testing.T) {
	const plain = `{"id":1,"result":{"content":[]}}`
	for _, refuses := range []bool{false, true} {
		var now atomic.Bool
		client := newSide(t, 'A', nil)
		var server *side
		server = newSide(t, 'S', func(o *Options) {
			checker, err := check.New(check.Options{Trust: check.Keys(client.key.Public().(ed25519.PublicKey)), Replays: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { checker.Close() })
			o.Check, o.Cosign = checker, true
			o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(agentKey{server.key, &now}, "S", "") }
		})
		sent, err := client.Request([]byte(`{"id":1,"method":"tools/call","params":{"name":"add"}}`))
		if err != nil {
			t.Fatal(err)
		}
		server.passOn(t, sent)
		now.Store(refuses)
		got := string(server.Cosign([]byte(plain)))
		now.Store(false)
		if (got == plain) != refuses {
			t.Errorf("refuses %v: %s", refuses, got)
		}
		outcome := outcomeOfCall(t, server.said(t)).Outcome
		if strings.Contains(outcome.Reason, "not cosigned: sign a receipt: "+sshagent.ErrRefused.Error()) != refuses || outcome.Status != "executed" {
			t.Errorf("refuses %v: %+v", refuses, outcome)
		}
		client.Close()
	}
}

// TestCosignSilent: for a holder of the key that did not respond in time, the responses
// after the first do not wait again. Once it has signed a call, it is asked again.
func TestCosignSilent(t *testing.T) {
	client := newSide(t, 'A', nil)
	key := &silentKey{}
	server := newSide(t, 'S', func(o *Options) {
		checker, err := check.New(check.Options{Trust: check.Keys(client.key.Public().(ed25519.PublicKey)), Replays: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { checker.Close() })
		o.Check, o.Cosign = checker, true
		o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "S", "") }
	})
	key.PrivateKey = server.key
	call := func(id int) {
		t.Helper()
		sent, err := client.Request(fmt.Appendf(nil, `{"id":%d,"method":"tools/call","params":{"name":"add"}}`, id))
		if err != nil {
			t.Fatal(err)
		}
		server.passOn(t, sent)
	}
	respond := func(id int, cosigned bool) {
		t.Helper()
		plain := fmt.Sprintf(`{"id":%d,"result":{"content":[]}}`, id)
		if got := string(server.Cosign([]byte(plain))); (got != plain) != cosigned {
			t.Errorf("the client got %s", got)
		}
	}
	for id := range 3 {
		call(id)
	}
	key.silent.Store(true)
	for id := range 3 {
		respond(id, false)
	}
	if n := key.asked.Load(); n != 1 {
		t.Errorf("asked %d times to cosign", n)
	}
	key.silent.Store(false)
	call(3)
	respond(3, true)
	client.Close()
	server.said(t)
}

// silentKey is a key whose holder responds, or not, to what is to be cosigned.
type silentKey struct {
	ed25519.PrivateKey
	silent atomic.Bool
	asked  atomic.Int32 // while it is silent
}

func (*silentKey) Held() bool { return true }

func (k *silentKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.silent.Load() && bytes.Contains(message, []byte(`"agent_receipt"`)) {
		k.asked.Add(1)
		return nil, sshagent.ErrSilent
	}
	return k.PrivateKey.Sign(r, message, o)
}

// TestCosignTask: a call that became a task is not cosigned, and the log says so.
func TestCosignTask(t *testing.T) {
	const get, whole = `{"id":2,"method":"tasks/get","params":{"taskId":"t"}}`, `{"id":2,"method":"tasks/result","params":{"taskId":"t"}}`
	for _, c := range []struct{ fetch, response string }{
		{whole, `{"id":2,"result":{"content":[]}}`},
		{get, `{"id":2,"result":{"taskId":"t","status":"completed","result":{"content":[]}}}`},
	} {
		client := newSide(t, 'A', nil)
		server := newSide(t, 'S', func(o *Options) {
			checker, err := check.New(check.Options{Trust: check.Keys(client.key.Public().(ed25519.PublicKey)), Replays: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { checker.Close() })
			o.Check, o.Cosign = checker, true
		})
		sent, err := client.Request([]byte(`{"id":1,"method":"tools/call","params":{"name":"add"}}`))
		if err != nil {
			t.Fatal(err)
		}
		server.passOn(t, sent)
		server.Cosign([]byte(`{"id":1,"result":{"resultType":"task","taskId":"t","status":"working","task":{"taskId":"t","status":"working"}}}`))
		server.Sent([]byte(c.fetch))
		server.Response([]byte(c.response))
		if got := outcomeOfCall(t, server.said(t)).Outcome; got.Status != "executed" || got.Reason != "not cosigned: it is the result of a task" {
			t.Errorf("%s: %+v", c.fetch, got)
		}
		client.Close()
	}
}

// resultOf is the result in a response.
func resultOf(t *testing.T, response []byte) []byte {
	t.Helper()
	root, err := mcpwire.Parse(bytes.TrimRight(response, "\r\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := root.Member("result")
	return r.Raw(response)
}

// TestCosignForged: a server that makes receipts of its own, or repeats those of other
// calls, is not believed.
func TestCosignForged(t *testing.T) {
	client := newSide(t, 'A', nil)
	var receipts [2][]byte
	for i := range receipts {
		sent, err := client.Request(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add"}}`, i))
		if err != nil {
			t.Fatal(err)
		}
		receipts[i] = mcpwire.NewReadingGate(DefaultMetaKey).Judge(sent).Calls[0].Carried
	}
	server, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{'F'}, 32)), "forger", "")
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := sign.ValueHash([]byte(`{}`))
	other, err := server.Cosign(receipts[0], sum, sign.Outcome{Status: "executed"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client.Response([]byte(`{"id":1,"result":{"_meta":{"_signet":` + string(other.JSON) + `}}}`))
	lies, err := server.Cosign(receipts[0], sum, sign.Outcome{Status: "failed"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client.Response([]byte(`{"id":0,"result":{"_meta":{"_signet":` + string(lies.JSON) + `}}}`))
	reasons := map[string]bool{}
	outcomes := 0
	for _, v := range client.said(t) {
		switch e := v.Event.(type) {
		case event.Cosigned:
			t.Errorf("believed: %s", e.Receipt)
		case event.BadCosignature:
			reasons[e.Reason] = true
		}
		if v.Version == 2 {
			outcomes++
		}
	}
	if outcomes != 2 || !reasons["it is about another call"] || !reasons["it states another outcome"] {
		t.Errorf("%d outcomes, %v", outcomes, reasons)
	}
}
