//go:build unix

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// What the tests of crashes, disks and crowds have in common: a server that
// keeps what it got, a client for it, and the questions that a fresh process
// is asked when something has gone wrong.

// A serverLog is the file in which a server keeps each line that it gets, before
// it sends the line back.
type serverLog string

func newServerLog(t testing.TB) serverLog { return serverLog(filepath.Join(t.TempDir(), "server.log")) }

// server is the command line of the server. It is not a fake, because these
// tests start thousands, and tee starts ten times as fast.
func (l serverLog) server() []string {
	return []string{"sh", "-c", `exec tee -a /dev/fd/3 3>&1 >>"$0"`, string(l)}
}

// numbered is a call with an id that says which one it is.
func numbered(n int) string { return long(n, 0) }

// long is numbered with an argument of so many bytes.
func long(n, size int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t","arguments":{"n":%d,"x":"%s"}}}`+"\n",
		n, n, strings.Repeat("x", size))
}

// A forwarded call is one that reached a server.
type forwarded struct {
	id      string // JSON-RPC
	receipt string // its id; "" if there was none
}

// calls are those in the file. A last line that breaks off, the server or
// the wrapper having been killed, is no call.
func (l serverLog) calls(t testing.TB) []forwarded {
	t.Helper()
	text, err := os.ReadFile(string(l))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var all []forwarded
	for line := range bytes.Lines(text) {
		var m struct {
			ID     json.RawMessage
			Method string
			Params struct {
				Meta struct {
					Signet struct{ ID string } `json:"_signet"`
				} `json:"_meta"`
			}
		}
		if err := json.Unmarshal(line, &m); err == nil && m.Method != "tools/call" {
			continue
		} else if err == nil {
			all = append(all, forwarded{string(m.ID), m.Params.Meta.Signet.ID})
		} else if bytes.HasSuffix(line, []byte("\n")) {
			t.Errorf("the server received %q", head(line))
		}
	}
	return all
}

// A reply is what a client hears of a call.
type reply int

const (
	silence reply = iota // the wrapper is gone
	sentBack
	refusal
)

func (a reply) String() string { return []string{"silence", "the line", "an error"}[a] }

// ask sends a line with an id and receives its reply.
func (p *proc) ask(line string) reply {
	p.t.Helper()
	_ = p.in.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.in.WriteString(line); errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatal("the wrapper does not read")
	} else if err != nil {
		return silence
	}
	_ = p.pipe.SetReadDeadline(time.Now().Add(patience))
	b, err := p.out.ReadBytes('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("no response to %q", head([]byte(line)))
	}
	if err != nil {
		return silence
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Error  struct{ Message string }
	}
	if err := json.Unmarshal(b, &m); err != nil || !bytes.Equal(m.ID, idOf([]byte(line))) || (m.Method == "") == (m.Error.Message == "") {
		p.t.Fatalf("%q got %q", head([]byte(line)), head(b))
	}
	if m.Method == "" {
		return refusal
	}
	return sentBack
}

// logged counts the records in the log, by id of receipt.
func (h home) logged(t testing.TB) map[string]int {
	t.Helper()
	found := map[string]int{}
	for e, err := range testlog.Records(h.audit()) {
		var bad *chain.LineError
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		} else if err != nil {
			continue
		}
		var r struct{ ID string }
		if err := json.Unmarshal(e.Receipt, &r); err != nil {
			t.Fatal(err)
		}
		found[r.ID]++
	}
	return found
}

// verdict is the exit status of verify --chain, and what it said.
func (h home) verdict(t testing.TB) (int, string) {
	t.Helper()
	cmd := exec.Command(binary(t), "verify", "--chain")
	cmd.Env = scrubbed(h.dir)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// holds asks, when something went wrong: does the log verify, is each call
// that was forwarded in it, once, and does the next append work?
func (h home) holds(t *testing.T, serverLogs ...serverLog) {
	t.Helper()
	h.complete(t, serverLogs...)
	next := newServerLog(t)
	p := start(t, h.dir, wrapped.argv(t, nil, next.server()...))
	if got := p.ask(numbered(1)); got != sentBack {
		t.Errorf("the next call got %v", got)
	}
	p.finish()
	h.complete(t, append(serverLogs, next)...)
}

// complete is holds without the next call.
func (h home) complete(t *testing.T, serverLogs ...serverLog) {
	t.Helper()
	logged, n := h.logged(t), 0
	for id, count := range logged {
		if count > 1 {
			t.Errorf("%s is in the log %d times", id, count)
		}
	}
	for _, l := range serverLogs {
		for _, c := range l.calls(t) {
			n++
			if logged[c.receipt] == 0 {
				t.Errorf("call %s was forwarded with receipt %q, which is not in the log", c.id, c.receipt)
			}
		}
	}
	if len(logged) == 0 && n == 0 {
		return // there is nothing to verify
	}
	if status, out := h.verdict(t); status != 0 && status != 3 {
		t.Errorf("verify --chain: exit status %d\n%s", status, out)
	}
}

// signer makes the home's key, if there is none, and takes it.
func (h home) signer(t testing.TB) *sign.Signer {
	t.Helper()
	store := keys.Store{Dir: filepath.Join(h.dir, ".signet", "keys")}
	key, err := store.Load("default", nil)
	if err != nil {
		if _, err = store.Generate("default", "", nil); err == nil {
			key, err = store.Load("default", nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.NewSigner(key, key.Name, key.Owner)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// fill appends n records as of some time to the log.
func (h home) fill(t testing.TB, n int, at time.Time) {
	t.Helper()
	signer := h.signer(t)
	log := chain.New(h.audit(), chain.Options{NoSync: true, Now: func() time.Time { return at }})
	defer log.Close()
	for range n {
		if _, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) {
			return testlog.Call(signer, sign.Action{Tool: "t", Target: "mcp://t", Arguments: []byte(`{}`)}, at)
		}); err != nil {
			t.Fatal(err)
		}
	}
}
