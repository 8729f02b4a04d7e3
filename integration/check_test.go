package integration

import (
	"bytes"
	"encoding/json"
	"testing"
)

// A call is a tools/call as a client sent it.
type call struct {
	id        json.RawMessage // as sent, nil: none
	name      string
	arguments json.RawMessage // as sent, nil: none; params, where that is no object
}

// callsIn reads a line of well-formed JSON-RPC with encoding/json, whose
// reading of such lines is beyond doubt.
func callsIn(t testing.TB, line []byte) []call {
	t.Helper()
	type message struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
		Params json.RawMessage `json:"params"`
	}
	batch := []message{{}}
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) {
		err = json.Unmarshal(line, &batch)
	} else {
		err = json.Unmarshal(line, &batch[0])
	}
	if err != nil {
		return nil // not JSON, so not a call that is forwarded
	}
	var calls []call
	for _, m := range batch {
		if m.Method != "tools/call" {
			continue
		}
		var params struct {
			Name      any             `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		}
		if json.Unmarshal(m.Params, &params) != nil {
			params.Arguments = m.Params // all there is
		}
		name, _ := params.Name.(string)
		calls = append(calls, call{m.ID, name, params.Arguments})
	}
	return calls
}

// callID is the id as a receipt states it.
func (c call) callID(t testing.TB) string {
	t.Helper()
	if c.id == nil || string(c.id) == "null" {
		return ""
	}
	if c.id[0] != '"' {
		return "n:" + string(c.id)
	}
	var s string
	if err := json.Unmarshal(c.id, &s); err != nil {
		t.Fatal(err)
	}
	return "s:" + s
}

// check holds that nothing but receipts was added between client and server,
// that each call has one, that they are true, and that the log has exactly
// them, in order. client is what a tap saw before the wrapper, server what one
// saw after it.
func (h home) check(t *testing.T, client, server []tapped) {
	t.Helper()
	if len(client) != len(server) || len(client) == 0 {
		t.Fatalf("the client started %d servers and %d were started", len(client), len(server))
	}
	logged := h.records(t)
	if len(logged) == 0 {
		t.Fatal("the log is empty")
	}
	key := h.key(t)
	n := 0
	for i := range client {
		if d := difference(server[i].out, client[i].out); d != "" {
			t.Errorf("what the server wrote and what the client read: %s", d)
		}
		sent, got := bytes.SplitAfter(client[i].in, []byte("\n")), bytes.SplitAfter(server[i].in, []byte("\n"))
		if len(sent) != len(got) {
			t.Fatalf("the client sent %d lines, the server got %d", len(sent), len(got))
		}
		var session string
		for j := range sent {
			receipts, err := unsplice(sent[j], got[j])
			if err != nil {
				t.Fatalf("line %d: %v\nsent %q\n got %q", j+1, err, head(sent[j]), head(got[j]))
			}
			calls := callsIn(t, sent[j])
			if len(receipts) != len(calls) {
				t.Fatalf("%d receipts for %d calls in %q", len(receipts), len(calls), head(sent[j]))
			}
			for k, c := range calls {
				if n == len(logged) {
					t.Fatalf("the log ends before %q", head(sent[j]))
				}
				r := logged[n]
				n++
				if d := difference(r.travelling(t), receipts[k]); d != "" {
					t.Errorf("receipt in the log and in the request: %s", d)
				}
				r.verify(t, key, c.arguments)
				if r.Action.Tool != c.name || r.Action.CallID != c.callID(t) {
					t.Errorf("receipt for tool %q, call %q; want %q, %q", r.Action.Tool, r.Action.CallID, c.name, c.callID(t))
				}
				if session == "" {
					session = r.Action.Session
				}
				if r.Action.Session != session || session == "" {
					t.Errorf("receipt of session %q, want %q", r.Action.Session, session)
				}
			}
		}
	}
	if n != len(logged) {
		t.Errorf("%d calls, %d records", n, len(logged))
	}
	for i := 1; i < len(logged); i++ {
		if logged[i].TS < logged[i-1].TS {
			t.Errorf("record %d is of %s, the one before it of %s", i, logged[i].TS, logged[i-1].TS)
		}
	}
	h.checkOutcomes(t, client)
	for _, r := range []receipt{logged[0], logged[len(logged)-1]} {
		h.signet(t, 0, r.travelling(t), "verify", "-")
	}
	h.signet(t, 0, nil, "verify", "--chain")
}
