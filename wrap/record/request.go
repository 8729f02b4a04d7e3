package record

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// messages is the state of Request.
type messages struct {
	mu   sync.Mutex
	gate *mcpwire.Gate // guarded by mu; nil before the first message
}

// A RefusedError is the error for a message that must not be sent, because one
// server might find a call in it where another finds none.
type RefusedError struct {
	Code   int // for the error reply: JSON-RPC 2.0, section 5.1
	Reason string
}

func (e *RefusedError) Error() string { return "refused, not forwarded: " + e.Reason }

// Request records the calls in a message of the client: one JSON-RPC message, or a
// batch. It returns the message to send: with the receipts in it, or unchanged if
// it has no calls. Then the receipts are in the log and, unless NoSync is set, on
// the disk.
//
// After an error the message must not be sent. The error is a [*RefusedError], or
// says why the calls could not be recorded.
func (r *Recorder) Request(message []byte) ([]byte, error) {
	sent, _, err := r.request(context.Background(), message)
	return sent, err
}

// RequestContext is [Recorder.Request], but returns the error of ctx as soon as that
// is done: the holder of the key may ask somebody first. Calls that are recorded all
// the same are recorded as cancelled, since they are not sent.
func (r *Recorder) RequestContext(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ctx.Done() == nil {
		return r.Request(message)
	}
	type result struct {
		sent  []byte
		calls []Call
		err   error
	}
	done := make(chan result, 1)
	go func() {
		sent, calls, err := r.request(ctx, message)
		done <- result{sent, calls, err}
	}()
	select {
	case d := <-done:
		return d.sent, d.err
	case <-ctx.Done():
		go func() {
			if d := <-done; d.err == nil {
				r.notSent(d.calls)
			}
		}()
		return nil, ctx.Err()
	}
}

// notSent says of calls that are in the log that the client has given them up.
func (r *Recorder) notSent(calls []Call) {
	for i := range calls {
		r.NoResponse(calls[i].ID, "cancelled by the client before it was sent")
	}
}

// request is Request; see callsUntil for ctx. It also returns the calls in the message.
func (r *Recorder) request(ctx context.Context, message []byte) ([]byte, []Call, error) {
	r.messages.mu.Lock()
	if r.messages.gate == nil {
		r.messages.gate = mcpwire.NewGate(r.opts.MetaKey)
	}
	v := r.messages.gate.Judge(message)
	r.messages.mu.Unlock()
	if v.Refusal != nil {
		return nil, nil, &RefusedError{v.Refusal.Code, v.Refusal.Reason}
	}
	if len(v.Calls) == 0 {
		r.Sent(message)
		return message, nil, nil
	}
	calls := make([]Call, len(v.Calls))
	for i := range v.Calls {
		calls[i] = Call(v.Calls[i].Fields)
	}
	receipts, err := r.callsUntil(ctx, calls)
	if err != nil {
		return nil, nil, fmt.Errorf("not recorded, so not forwarded: %w", err)
	}
	if v.Batch {
		r.Sent(message) // the other messages in it
	}
	size := len(message)
	for i, r := range receipts {
		size += len(v.Calls[i].Before) + len(r) + len(v.Calls[i].After)
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	err = mcpwire.Splice(b, mcpwire.Line{Bytes: message, Length: len(message)}, v.Calls, receipts)
	return b.Bytes(), calls, err
}
