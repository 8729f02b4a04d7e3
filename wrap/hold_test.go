package wrap

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestHold: of a server's output in pieces of any size, the responses to calls that
// carried a receipt have one, all else is as it came and in its order, and a response
// of more than 1 MiB passes before it is whole.
func TestHold(t *testing.T) {
	both := newHeld(t)
	call, h := both.call, both.hold
	random := rand.New(rand.NewPCG(1, 2))
	var said strings.Builder
	say := func(text string) {
		said.WriteString(text)
		for rest := text; rest != ""; {
			n := min(len(rest), 1+random.IntN(1+len(text)/3))
			if err := h.take([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	for id := range 200 {
		say(`{"method":"notifications/message","params":{}}` + "\n")
		call(id)
		say("junk\n" + `{"id":"of the server","method":"ping"}` + "\r\n")
		say(fmt.Sprintf(`{"id":%d,"result":{"n":%d,"x":"%s"}}`+"\n", id, id, strings.Repeat("y", random.IntN(300))))
	}
	call(1000)
	say(`{"id":1000,"result":{"x":"` + strings.Repeat("z", record.MaxCosigned))
	if n := len(h.held); n > 0 {
		t.Errorf("%d bytes of a long response are held", n)
	}
	say("\"}}\n")
	both.framed = true
	call(1001)
	body := `{"id":1001,"result":{"x":1}}`
	say(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	call(1002)
	say(`{"id":1002,"result":{"not":"ended"`)
	h.end()

	// Without what was put in, it is what the server said.
	all, cosigned := both.client(), 0
	for {
		i := strings.Index(all, `,"_meta":{"_signet":{"agent_receipt":`)
		if i < 0 {
			break
		}
		end := i + strings.Index(all[i:], `"v":3}}`) + len(`"v":3}}`)
		if at := strings.LastIndex(all[:i], "Content-Length: "); at >= 0 && at > i-100 {
			all = all[:at] + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + all[at+strings.Index(all[at:], "\r\n\r\n")+4:i] + all[end:]
		} else {
			all = all[:i] + all[end:]
		}
		cosigned++
	}
	if all != said.String() {
		t.Errorf("got %d bytes, and the server said %d", len(all), said.Len())
	}
	if cosigned != 201 {
		t.Errorf("%d responses are cosigned, want 201", cosigned)
	}
}

// held is the server's side of calls that an agent's side makes, with what the client gets.
type held struct {
	t             *testing.T
	agent, server *record.Recorder
	hold          *hold
	framed        bool
	out           *clientWriter
	got           chan string
}

func newHeld(t *testing.T) *held {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	signer := func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") }
	checker, err := check.New(check.Options{Trust: check.Keys(key.Public().(ed25519.PublicKey)), Replays: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	x := &held{t: t, got: make(chan string, 1)}
	x.agent = record.New(record.Options{Audit: t.TempDir(), NoHeads: true, NoSync: true, Signer: signer})
	x.server = record.New(record.Options{Audit: t.TempDir(), NoHeads: true, NoSync: true, Signer: signer, Check: checker, Cosign: true})
	t.Cleanup(func() { x.agent.Close(); x.server.Close(); checker.Close() })
	r, w := io.Pipe()
	x.out = newClientWriter(w)
	rel := newRelay(nil, x.out, x.server.Output())
	x.hold = &hold{rec: x.server, to: x.out, framed: func() bool { return x.framed }, passed: rel.pass}
	go func() {
		b, _ := io.ReadAll(r)
		x.got <- string(b)
	}()
	return x
}

// call is a call with a receipt, which passes the check.
func (x *held) call(id int) {
	x.t.Helper()
	sent, err := x.agent.Request(fmt.Appendf(nil, `{"id":%d,"method":"tools/call","params":{"name":"t"}}`, id))
	if err != nil {
		x.t.Fatal(err)
	}
	v := mcpwire.NewReadingGate(record.DefaultMetaKey).Judge(sent)
	calls := appendCalls(nil, v)
	if r := x.server.Check(calls); r != nil {
		x.t.Fatal(r)
	}
	if _, err := x.server.Calls(calls); err != nil {
		x.t.Fatal(err)
	}
}

// client is all that the client has got, when no more comes.
func (x *held) client() string {
	x.out.finish()
	return <-x.got
}

// TestHoldBounds: a response of 1 MiB is cosigned, whatever ends the line or comes before
// it; one of a byte more is not, and passes before its end.
func TestHoldBounds(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, more := range []int{-1, 0, 1} {
			x := newHeld(t)
			x.call(1)
			const empty = `{"id":1,"result":{"x":""}}`
			said := strings.Replace(empty, `""`, `"`+strings.Repeat("y", record.MaxCosigned+more-len(empty))+`"`, 1)
			if end == "" {
				x.framed = true
				said = fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(said), said)
			}
			pieces := append([]string{said[:len(said)-2], said[len(said)-2:]}, strings.Split(end, "")...)
			for i, p := range pieces {
				if err := x.hold.take([]byte(p)); err != nil {
					t.Fatal(err)
				}
				if i > 0 && more > 0 && len(x.hold.held) > 0 {
					t.Errorf("%q: %d bytes are held", end, len(x.hold.held))
				}
			}
			said += end
			got := x.client()
			if cosigned := strings.Contains(got, `"_meta":{"_signet":{"agent_receipt":`); cosigned != (more <= 0) || !cosigned && got != said {
				t.Errorf("%q, 1 MiB%+d: cosigned %v, %d bytes of %d", end, more, cosigned, len(got), len(said))
			}
		}
	}
}
