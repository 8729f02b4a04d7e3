package integration

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// twoSides are the homes of a client's wrapper and of a server's check, which knows the
// key of the wrapper.
type twoSides struct{ client, server home }

func newSides(t testing.TB) twoSides {
	t.Helper()
	s := twoSides{newHome(t), newHome(t)}
	s.client.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	s.server.signet(t, 0, nil, "identity", "generate", "--name", "server", "--unencrypted")
	return s
}

// check is the command line of a check in front of a server.
func (s twoSides) check(t testing.TB, flags []string, server ...string) []string {
	t.Helper()
	if !slices.Contains(flags, "--pubkey") && !slices.Contains(flags, "--trust") {
		flags = append(slices.Clone(flags), "--pubkey", filepath.Join(s.client.dir, ".signet", "keys", "default.pub"))
	}
	return slices.Concat([]string{binary(t), "check", "--system-log", "off", "--home", filepath.Join(s.server.dir, ".signet"), "--key", "server"},
		flags, []string{"--"}, server)
}

// TestCheckBackToBack: an mcp-go client gets from an mcp-go server through a wrapper
// and a check what it gets directly, the server what the wrapper sends, and each
// side's log verifies and has all calls.
func TestCheckBackToBack(t *testing.T) {
	t.Parallel()
	s := newSides(t)
	want := talkMCPGo(t, newHome(t), "2025-11-25", fake(t, "mcpgo"))
	inner, server := tap(t, fake(t, "mcpgo"))
	middle, wire := tap(t, s.check(t, []string{"--missing", "refuse"}, inner...))
	got := talkMCPGo(t, s.client, "2025-11-25", wrapped.argv(t, nil, middle...))
	if d := difference(want, got); d != "" {
		t.Error("results with and without the two: ", d)
	}
	if d := difference(wire()[0].in, server()[0].in); d != "" {
		t.Error("what the check passed on: ", d)
	}
	if d := difference(server()[0].out, wire()[0].out); d != "" {
		t.Error("what the check passed back: ", d)
	}
	var sent, parents []string
	for _, r := range s.client.records(t) {
		if r.V == 1 {
			sent = append(sent, r.ID)
		}
	}
	for _, r := range s.server.records(t) {
		if r.V == 1 {
			parents = append(parents, r.Action.Parent)
		}
	}
	if len(sent) == 0 || !slices.Equal(sent, parents) {
		t.Errorf("the client's log has the calls %q, the server's side those of %q", sent, parents)
	}
	if e := s.server.events(t, "session"); len(e) == 0 || e[0]["through"] != "check" {
		t.Errorf("the session of the check: %v", e)
	}
	s.client.signet(t, 0, nil, "verify", "--chain")
	s.server.signet(t, 0, nil, "verify", "--chain")
	keys := []string{"--pubkey", filepath.Join(s.client.dir, ".signet", "keys", "default.pub"), "--pubkey", filepath.Join(s.server.dir, ".signet", "keys", "server.pub")}
	for _, h := range [][2]home{{s.client, s.server}, {s.server, s.client}} {
		args := append([]string{"verify", "--chain", "--against", filepath.Join(h[1].dir, ".signet")}, keys...)
		if found := h[0].signet(t, 0, nil, args...); !strings.Contains(found, "the other side of") {
			t.Errorf("against the other log: %s", found)
		}
	}
	if list := s.server.signet(t, 0, nil, "audit", "--via", "check"); !strings.Contains(list, "echo") {
		t.Errorf("audit: %s", list)
	}
}

// TestCheckRefuses: what must not pass does not, with its reason for the client and in
// the log; the server gets only the rest, as it was sent.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	s := newSides(t)
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	key, foreign := ed25519.NewKeyFromSeed(seed), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	receipt := func(by ed25519.PrivateKey, at time.Time, args string) string {
		signer, err := sign.NewSigner(by, "agent", "")
		if err != nil {
			t.Fatal(err)
		}
		d, err := signer.Prepare(sign.Action{Tool: "t", Arguments: []byte(args), Target: "mcp://t"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Sign(at)
		if err != nil {
			t.Fatal(err)
		}
		return string(r.JSON)
	}
	call := func(id int, args, meta string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t","arguments":%s,"_meta":{%s}}}`+"\n", id, args, meta)
	}
	now := time.Now()
	good := receipt(key, now, `{"x":1}`)
	odd := receipt(key, now, `{"x":9007199254740993}`)
	file := filepath.Join(t.TempDir(), "received")
	p := start(t, s.client.dir, s.check(t, []string{"--missing", "refuse", "--target", "mcp://t", "--max-age", "1h",
		"--pubkey", "ed25519:" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}, fake(t, "sink", file)...))
	passes := ""
	for i, c := range []struct{ want, line string }{
		{"", call(0, ` { "x" : 1.0 }`, `"a":1, "_signet" : `+good)},
		{"replayed", call(1, `{"x":1}`, `"_signet":`+good)},
		{"", call(2, `{"x":9007199254740993}`, `"_signet":`+odd)},
		{"wrong_arguments", call(3, `{"x":9007199254740992}`, `"_signet":`+receipt(key, now, `{"x":9007199254740993}`))},
		{"stale", call(4, `{"x":1}`, `"_signet":`+receipt(key, now.Add(-2*time.Hour), `{"x":1}`))},
		{"future", call(5, `{"x":1}`, `"_signet":`+receipt(key, now.Add(time.Hour), `{"x":1}`))},
		{"unknown_key", call(6, `{"x":1}`, `"_signet":`+receipt(foreign, now, `{"x":1}`))},
		{"invalid", call(7, `{"x":1}`, `"_signet":`+strings.Replace(receipt(key, now, `{"x":2}`), `{"x":2}`, `{"x":1}`, 1))},
		{"malformed", call(8, `{"x":1}`, `"_signet":null`)},
		{"malformed", call(9, `{"x":1}`, `"_signet":{}`)},
		{"ambiguous", call(10, `{"x":1}`, `"_signet":`+receipt(key, now, `{"x":1}`)+`,"_signet":`+receipt(key, now, `{"x":1}`))},
		{"ambiguous", call(11, `{"x":1}`, `"_SIGNET":`+receipt(key, now, `{"x":1}`))},
		{"no_receipt", call(12, `{"x":1}`, ``)},
		{"", `{"jsonrpc":"2.0","id":13,"method":"ping"}` + "\n"},
		{"bad_message", strings.Replace(call(14, `{"x":1}`, `"_signet":`+receipt(key, now, `{"x":1}`)), `"_meta"`, `"_meta":{},"_meta"`, 1)},
		{"bad_message", strings.Replace(call(15, `{"x":1}`, `"_signet":`+receipt(key, now, `{"x":1}`)), `"method"`, `"Method"`, 1)},
		{"bad_message", strings.Replace(call(16, `{"x":1}`, `"_signet":`+receipt(key, now, `{"x":1}`)), `}}`, `}`, 1)},
	} {
		p.send(c.line)
		if c.want == "" {
			passes += c.line
			continue
		}
		var reply struct {
			ID    int
			Error struct{ Data struct{ Reason string } }
		}
		line := p.line()
		if err := json.Unmarshal(line, &reply); err != nil || reply.ID != i || reply.Error.Data.Reason != c.want {
			t.Errorf("call %d: %s, want %s", i, head(line), c.want)
		}
	}
	// A batch of which one must not pass, and one of which all may.
	p.send("[" + strings.TrimSpace(call(20, `{"x":1}`, `"_signet":`+receipt(key, now, `{"x":1}`))) + "," + strings.TrimSpace(call(21, `{"x":1}`, ``)) + "]\n")
	if line := p.line(); !bytes.Contains(line, []byte(`"id":20`)) || bytes.Count(line, []byte(`"reason":"no_receipt"`)) != 2 {
		t.Errorf("the batch: %s", head(line))
	}
	p.finish()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference([]byte(passes), got); d != "" {
		t.Error("what the server got: ", d)
	}
	refused := s.server.events(t, "call_refused")
	if len(refused) != 12 {
		t.Errorf("%d refused calls in the log, want 12", len(refused))
	}
	if list := s.server.signet(t, 0, nil, "audit"); !strings.Contains(list, "replayed") || !strings.Contains(list, "(call_refused)") {
		t.Errorf("audit: %s", list)
	}
	s.server.signet(t, 0, nil, "verify", "--chain")
}

// TestCheckCosigns: through both processes, the client gets the server's response with
// a receipt in it, and its log says that the server's key confirms the outcome.
func TestCheckCosigns(t *testing.T) {
	t.Parallel()
	s := newSides(t)
	p := start(t, s.client.dir, wrapped.argv(t, nil, s.check(t, []string{"--cosign"}, fake(t, "reply")...)...))
	p.send(addCall)
	line := string(p.line())
	p.finish()
	const plain = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]`
	if !strings.HasPrefix(line, plain+`,"_meta":{"_signet":{"agent_receipt":{`) || !strings.HasSuffix(line, `"v":3}}}}`+"\n") {
		t.Errorf("the client got %s", line)
	}
	if e := s.client.events(t, "cosigned"); len(e) != 1 {
		t.Errorf("%d cosigned events", len(e))
	}
	found := s.client.signet(t, 0, nil, "verify", "--chain", "--pubkey", "default", "--pubkey", filepath.Join(s.server.dir, ".signet", "keys", "server.pub"))
	if !strings.Contains(found, `1 outcome confirmed by the server's key ("server", known here as "server")`) {
		t.Errorf("verify: %s", found)
	}
	for _, r := range s.client.records(t) {
		if r.V == 1 {
			if told := s.client.signet(t, 0, nil, "audit", "show", r.ID); !strings.Contains(told, "confirmed by the server's key") {
				t.Errorf("audit show: %s", told)
			}
		}
	}
}

// TestCheckCosignsPieces: responses that come in pieces, two in one, and between other
// messages are cosigned and lose nothing; of a server that dies in the middle of one, the
// client gets what it wrote, and its exit status.
func TestCheckCosignsPieces(t *testing.T) {
	t.Parallel()
	s := newSides(t)
	p := start(t, s.client.dir, wrapped.argv(t, nil, s.check(t, []string{"--cosign", "--missing", "refuse"}, fake(t, "pieces")...)...))
	call := func(id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}`+"\n", id)
	}
	for i := range 3 {
		p.send(call(2*i) + call(2*i+1))
		for j := range 4 { // what it says before, two responses, what it says after
			line := string(p.line())
			if cosigned := strings.Contains(line, `"_signet":{"agent_receipt":{`); cosigned != (j == 1 || j == 2) {
				t.Errorf("calls %d, line %d: %s", i, j, line)
			}
		}
	}
	p.send(call(6) + call(7))
	p.line()
	if line := string(p.line()); !strings.Contains(line, `"id":6`) || !strings.Contains(line, `"_signet":{"agent_receipt":{`) {
		t.Errorf("the response before the server died: %s", line)
	}
	if rest := string(p.rest()); rest != `{"id":7,"result":{` {
		t.Errorf("of a response that was not ended, the client got %q", rest)
	}
	if how := p.how(); how != "exit status 3" {
		t.Errorf("ended with %s", how)
	}
	if e := s.client.events(t, "cosigned"); len(e) != 7 {
		t.Errorf("%d cosigned events, want 7", len(e))
	}
	s.client.signet(t, 0, nil, "verify", "--chain")
	s.server.signet(t, 0, nil, "verify", "--chain")
}
