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
	agent := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	signer := func() (*sign.Signer, error) { return sign.NewSigner(agent, "agent", "") }
	checker, err := check.New(check.Options{Trust: check.Keys(agent.Public().(ed25519.PublicKey)), Replays: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	client := record.New(record.Options{Audit: t.TempDir(), NoHeads: true, NoSync: true, Signer: signer})
	defer client.Close()
	server := record.New(record.Options{Audit: t.TempDir(), NoHeads: true, NoSync: true, Signer: signer, Check: checker, Cosign: true})
	defer server.Close()
	call := func(id int) {
		sent, err := client.Request(fmt.Appendf(nil, `{"id":%d,"method":"tools/call","params":{"name":"t"}}`, id))
		if err != nil {
			t.Fatal(err)
		}
		v := mcpwire.NewReadingGate(record.DefaultMetaKey).Judge(sent)
		calls := appendCalls(nil, v)
		if r := server.Check(calls); r != nil {
			t.Fatal(r)
		}
		if _, err := server.Calls(calls); err != nil {
			t.Fatal(err)
		}
	}
	r, w := io.Pipe()
	out := newClientWriter(w)
	framed := false
	rel := newRelay(nil, out, server.Output())
	h := &hold{rec: server, to: out, framed: func() bool { return framed }, passed: rel.pass}
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		got <- string(b)
	}()
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
	framed = true
	call(1001)
	body := `{"id":1001,"result":{"x":1}}`
	say(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	call(1002)
	say(`{"id":1002,"result":{"not":"ended"`)
	h.end()
	out.finish()

	// Without what was put in, it is what the server said.
	all, cosigned := <-got, 0
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
