package integration

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A recordedCall is what the log has of a call's end: the receipt of its response,
// or why there is none.
type recordedCall struct {
	call      receipt
	responses []receipt // of version 2: one, or none
	never     string    // the reason in an unanswered event
}

// recordedCalls are the calls in the log with what came of them.
func (h home) recordedCalls(t testing.TB) []recordedCall {
	t.Helper()
	all := h.log(t)
	byCall := map[string][]receipt{}
	never := map[string]string{}
	for _, r := range all {
		switch {
		case r.V == 2:
			byCall[r.Action.Parent] = append(byCall[r.Action.Parent], r)
		case r.Type == "unanswered":
			var e struct {
				Calls []struct{ Call, Reason string }
			}
			if err := json.Unmarshal(r.raw, &e); err != nil {
				t.Fatal(err)
			}
			for _, c := range e.Calls {
				if never[c.Call] != "" {
					t.Errorf("%s is unanswered twice", c.Call)
				}
				never[c.Call] = c.Reason
			}
		}
	}
	var calls []recordedCall
	for _, r := range all {
		if r.V == 1 && r.Type == "" {
			calls = append(calls, recordedCall{r, byCall[r.ID], never[r.ID]})
			delete(byCall, r.ID)
			delete(never, r.ID)
		}
	}
	if len(byCall)+len(never) > 0 {
		t.Errorf("outcomes of calls that are not in the log: %v, %v", byCall, never)
	}
	return calls
}

// A response is the part of a version 2 receipt that the others do not have.
type response struct {
	TSRequest  string `json:"ts_request"`
	TSResponse string `json:"ts_response"`
	Response   struct {
		ContentHash string `json:"content_hash"`
		Outcome     struct{ Status, Reason, Error string }
	}
}

// text is the outcome as the tests write it.
func (a recordedCall) text(t testing.TB) string {
	t.Helper()
	var all []string
	for _, r := range a.responses {
		o := r.response(t).Response.Outcome
		all = append(all, strings.TrimSuffix(o.Status+", "+o.Reason, ", "))
	}
	if a.never != "" {
		all = append(all, "unanswered, "+a.never)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, " AND ")
}

func (r receipt) response(t testing.TB) response {
	t.Helper()
	var o response
	if err := json.Unmarshal(r.raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// verifyResponse checks a version 2 receipt by the reference's rules, read again
// from sign/FORMAT.md, and with package sign.
func (r receipt) verifyResponse(t testing.TB, key ed25519.PublicKey, call receipt) {
	t.Helper()
	sig, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Sig, "ed25519:"))
	if err != nil || !ed25519.Verify(key, without(t, r.raw, "id", "sig"), sig) {
		t.Errorf("the signature does not hold: %v: %s", err, head(r.raw))
	}
	if sum := sha256.Sum256(sig); r.ID != "rec_"+hex.EncodeToString(sum[:16]) {
		t.Errorf("id %s is not that of the signature", r.ID)
	}
	if want := "ed25519:" + base64.StdEncoding.EncodeToString(key); r.Signer.Pubkey != want {
		t.Errorf("signed with %s, want %s", r.Signer.Pubkey, want)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.raw, &members); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"action", "id", "nonce", "response", "sig", "signer", "ts_request", "ts_response", "v"}; !slices.Equal(names, want) {
		t.Errorf("its members are %q", names)
	}
	want := call.Action
	want.Params, want.Parent = json.RawMessage("null"), call.ID
	if fmt.Sprint(r.Action) != fmt.Sprint(want) {
		t.Errorf("the action of the response is %+v, want %+v", r.Action, want)
	}
	o := r.response(t)
	from, err1 := time.Parse(time.RFC3339, o.TSRequest)
	to, err2 := time.Parse(time.RFC3339, o.TSResponse)
	if err1 != nil || err2 != nil || o.TSRequest != call.TS || to.Before(from) {
		t.Errorf("asked at %q, which is %q, and answered at %q", call.TS, o.TSRequest, o.TSResponse)
	}
	if v, err := sign.Verify(r.raw, sign.AnyKey); err != nil || v.Version != 2 || v.ResponseHash.String() != o.Response.ContentHash || len(v.Doubts) > 0 {
		t.Errorf("package sign: %v, %+v", err, v)
	}
}

// message is a JSON-RPC message, read with encoding/json.
type message struct {
	ID, Result, Error, Params json.RawMessage
	Method                    string
}

func messages(stream []byte) (all []message) {
	for line := range bytes.Lines(stream) {
		var batch []message
		if json.Unmarshal(line, &batch) != nil {
			batch = make([]message, 1)
			if json.Unmarshal(line, &batch[0]) != nil {
				continue
			}
		}
		all = append(all, batch...)
	}
	return all
}

// A wire is what a client sent and got on one connection. Ids are used once.
type wire struct {
	sent, got []message
	responses map[string]message
}

func newWire(w tapped) wire {
	got, responses := messages(w.out), map[string]message{}
	for _, m := range got {
		if _, twice := responses[string(m.ID)]; m.Method == "" && !twice {
			responses[string(m.ID)] = m
		}
	}
	return wire{messages(w.in), got, responses}
}

// came is what came of a request as its client saw it, and what of the response
// content_hash is the hash of.
func (w wire) came(id json.RawMessage) (text string, content []byte) {
	m, ok := w.responses[string(id)]
	switch {
	case !ok && slices.ContainsFunc(w.sent, func(m message) bool {
		var params struct{ RequestID json.RawMessage }
		return m.Method == "notifications/cancelled" && json.Unmarshal(m.Params, &params) == nil && bytes.Equal(params.RequestID, id)
	}):
		return "unanswered, cancelled by the client", nil
	case !ok:
		return "unanswered, the client ended the session", nil
	case m.Error != nil:
		return "failed, JSON-RPC error", m.Error
	}
	var result struct {
		ResultType, TaskID string
		IsError            bool
		Task               struct{ TaskID string }
	}
	json.Unmarshal(m.Result, &result)
	switch {
	case result.ResultType == "input_required":
		return "requires_approval, input_required", m.Result
	case result.Task.TaskID != "":
		return w.cameOfTask(result.Task.TaskID)
	case result.ResultType == "task":
		return w.cameOfTask(result.TaskID)
	case result.IsError:
		return "failed, isError", m.Result
	}
	return "executed", m.Result
}

func (w wire) cameOfTask(id string) (text string, content []byte) {
	cancelled := false
	for _, m := range w.sent {
		var params struct{ TaskID string }
		if json.Unmarshal(m.Params, &params); params.TaskID != id {
			continue
		}
		a := w.responses[string(m.ID)]
		var told struct {
			Result, Error json.RawMessage
			Code          int
		}
		json.Unmarshal(a.Result, &told)
		json.Unmarshal(a.Error, &told)
		switch {
		case m.Method == "tasks/result" && told.Code != -32602 && told.Code != -32601: // no such task or method
			return w.came(m.ID)
		case told.Error != nil:
			return "failed, JSON-RPC error", told.Error
		case told.Result != nil:
			nested := wire{responses: map[string]message{"": {Result: told.Result}}}
			return nested.came(nil)
		}
		cancelled = cancelled || m.Method == "tasks/cancel"
	}
	// What was said of it: the first time that it is cancelled, or the last
	// time that it failed.
	for _, m := range w.got {
		said := m.Result
		if m.Method == "notifications/tasks/status" {
			said = m.Params
		}
		var told struct{ TaskID, Status string }
		switch json.Unmarshal(said, &told); {
		case told.TaskID != id:
		case told.Status == "cancelled":
			return "failed, the task was cancelled", said
		case told.Status == "failed":
			text, content = "failed, the task failed", said
		}
	}
	switch {
	case text != "":
		return text, content
	case cancelled:
		return "unanswered, cancelled by the client", nil
	}
	return "unanswered, the result of its task was never fetched", nil
}

// checkOutcomes holds that each call has exactly one outcome, which is true, or
// is listed as unanswered: as the client saw it on the wire.
func (h home) checkOutcomes(t *testing.T, client []tapped) {
	t.Helper()
	logged, key := h.recordedCalls(t), h.key(t)
	for _, c := range client {
		w := newWire(c)
		parents := map[string]string{} // by requestState and arguments, the receipt that must be the parent of the retry
		for _, m := range w.sent {
			if m.Method != "tools/call" {
				continue
			}
			if len(logged) == 0 {
				t.Fatal("the log has fewer calls than were sent")
			}
			a := logged[0]
			logged = logged[1:]
			want, content := w.came(m.ID)
			got := a.text(t)
			canonical, inexact := canon.Canonicalize(content)
			hash := event.HashOf(canonical).String()
			if content != nil && (inexact != nil || len(content) > 1<<20) {
				hash = event.HashOf(content).String()
				want = strings.Join([]string{want, fmt.Sprintf("content_hash is of the %d bytes as sent", len(content))},
					map[bool]string{true: ", ", false: "; "}[want == "executed"])
			}
			if got != want {
				t.Errorf("call %s of %q came to %q, want %q: %s", m.ID, a.call.Action.Tool, got, want, head(m.Params))
				continue
			}
			for _, r := range a.responses {
				r.verifyResponse(t, key, a.call)
				if got := r.response(t).Response.ContentHash; got != hash {
					t.Errorf("content_hash is %s, want %s of %s", got, hash, head(content))
				}
			}
			var params, result struct {
				RequestState string
				Arguments    json.RawMessage
			}
			json.Unmarshal(m.Params, &params)
			json.Unmarshal(w.responses[string(m.ID)].Result, &result)
			if want := parents[params.RequestState+string(params.Arguments)]; params.RequestState != "" && a.call.Action.Parent != want {
				t.Errorf("the retry's parent is %q, want %q", a.call.Action.Parent, want)
			}
			if result.RequestState != "" {
				parents[result.RequestState+string(params.Arguments)] = a.call.ID
			}
		}
	}
	if len(logged) > 0 {
		t.Errorf("the log has %d calls more than were sent", len(logged))
	}
}
