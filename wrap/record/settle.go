package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A session that several processes record has no state but the log: the process that
// learns the outcome of a call finds the call's receipt there.

// Bounds of the search for a call, and for the beginning of a session: records and
// bytes. The second is made before each call, so it must be quick; beyond it the
// session's event is written again.
const (
	maxCallRecords    = 50_000
	maxCallBytes      = 64 << 20
	maxSessionRecords = 2_000
	maxSessionBytes   = 2 << 20
)

// Earlier is what the log says of a call and its session.
type Earlier struct {
	Begun    bool           // the session has records
	Call     *sign.Verified // the newest receipt of the call; nil: none was found
	Answered bool           // the call has an outcome
}

// FindSession says whether the newest part of the log has records of a session.
func FindSession(audit, session string, known sign.Known) (Earlier, error) {
	return find(audit, session, known, maxSessionRecords, maxSessionBytes, func(*sign.Verified, bool) bool { return true })
}

// FindCall looks for the newest call of a session that is and has no outcome; if all have
// one, for the newest. Calls may be the same in all that is known of them.
func FindCall(audit, session string, known sign.Known, is func(call *sign.Verified) bool) (Earlier, error) {
	var newest Earlier
	found, err := find(audit, session, known, maxCallRecords, maxCallBytes, func(call *sign.Verified, answered bool) bool {
		if !is(call) {
			return false
		}
		if newest.Call == nil {
			newest = Earlier{Begun: true, Call: call, Answered: answered}
		}
		return !answered
	})
	if err == nil && found.Call == nil && newest.Call != nil {
		return newest, nil
	}
	return found, err
}

// find reads the log backward. Only receipts by a known key count, and of calls those
// in the place that they were signed for.
func find(audit, session string, known sign.Known, records, size int, is func(call *sign.Verified, answered bool) bool) (found Earlier, err error) {
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		return found, err
	}
	wanted := []byte(`"session":` + string(canon.AppendString(nil, session))) // the only canonical spelling
	answered := make(map[string]bool)
	for e, err := range log.Records(context.Background(), chain.ReadOptions{Backward: true, Workers: 1}) {
		var line *chain.LineError
		if err != nil && !errors.As(err, &line) {
			return found, fmt.Errorf("reading the log: %w", err)
		}
		if records, size = records-1, size-len(e.Raw); records < 0 || size < 0 {
			break
		}
		if err != nil || !e.Canonical || !bytes.Contains(e.Receipt, wanted) {
			continue
		}
		v, err := sign.Verify(e.Receipt, known)
		if err != nil || v.Session != session {
			continue
		}
		switch v.Version {
		case 1:
			if v.Type != "" || !v.Follows(e.PrevHash) {
				continue // an event, or a copy
			}
			found.Begun = true
			if is(v, answered[v.ID]) {
				found.Call, found.Answered = v, answered[v.ID]
				return found, nil
			}
		case 2:
			answered[v.ParentID] = true
		}
	}
	return found, nil
}

// A Result is the result of a call: its JSON text or, if that was not kept, the hash and
// the length of the text.
type Result struct {
	Value json.RawMessage // nil: it was not kept
	Hash  sign.Hash
	Size  int64 // in bytes
}

// Settle records the outcome of a call of this session that another process has
// recorded: call is its receipt, from FindCall. failed says that the call failed, with a
// reason. Where the call has an outcome already, extra must be set. When Settle returns,
// the record is in the log; Close syncs it.
func (r *Recorder) Settle(call *sign.Verified, result Result, failed string, extra bool) error {
	a := mcpwire.Response{At: time.Now(), Value: bytes.Clone(result.Value)}
	if result.Value == nil {
		a = mcpwire.Hashed(a.At, result.Hash, result.Size)
	}
	outcome := sign.Outcome{Status: "executed"}
	if failed != "" {
		outcome = sign.Outcome{Status: "failed", Reason: failed}
	}
	sum, reason := a.ContentHash()
	outcome.Reason = join(outcome.Reason, reason)
	if extra {
		return r.Event(event.ExtraResponse{Session: r.id, Call: call.ID, ContentHash: sum, Status: outcome.Status, Reason: outcome.Reason})
	}
	response := sign.Response{
		Action: sign.Action{
			Tool: call.Tool, Target: call.Target, Transport: call.Transport, Session: call.Session, CallID: call.CallID, TraceID: call.TraceID,
		},
		ParamsHash: call.ParamsHash, RequestID: call.ID, Requested: call.Time, Responded: a.At, ContentHash: sum, Outcome: outcome,
	}
	return r.write(func(chain.At) (*sign.Receipt, error) { return r.signer.Respond(response) })
}

// Event records an event of the session. When it returns, the record is in the log;
// Close syncs it.
func (r *Recorder) Event(e event.Event) error {
	return r.write(func(at chain.At) (*sign.Receipt, error) { return r.signer.Event(e, at.Time, at.Prev) })
}

// write appends one record that no call waits for.
func (r *Recorder) write(signed func(chain.At) (*sign.Receipt, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return errClosed
	}
	if err := r.open(); err != nil {
		return err
	}
	build := func(_ int, at chain.At) ([]byte, error) {
		receipt, err := r.sign(func() (*sign.Receipt, error) { return signed(at) })
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	}
	if r.opts.SystemRecords {
		build = r.heads.Records(build)
	}
	r.signBy = time.Now().Add(signLimit)
	written, err := r.log.AppendLater(1, build)
	if err != nil {
		return err
	}
	r.heads.Wrote(written)
	r.anchor.recorded(1)
	return nil
}
