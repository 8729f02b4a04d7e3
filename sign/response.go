package sign

import (
	"errors"
	"time"
)

// A Response is the response to a call that has a receipt of version 1.
type Response struct {
	Action     Action    // of the call; Arguments, HashOnly and ParentID are ignored
	ParamsHash Hash      // of the call's receipt: [Draft.ParamsHash]
	RequestID  string    // the id of the call's receipt
	Requested  time.Time // time of that receipt
	Responded  time.Time // if before Requested, Requested is used

	ContentHash Hash // of the result or, for a JSON-RPC error, of the error, by the rules of ValueHash
	Outcome     Outcome
}

// ParamsHash returns the params_hash of the draft's receipts.
func (d *Draft) ParamsHash() Hash { return d.paramsHash }

// Respond makes a receipt of version 2, in which one observer of a call signs that
// it saw the response (FORMAT.md, "Version 2"). It does not repeat the arguments:
// they are in the call's receipt, which parent_receipt_id names. ParamsHash and
// ContentHash must be set.
func (s *Signer) Respond(a Response) (*Receipt, error) {
	if a.ParamsHash.IsZero() || a.ContentHash.IsZero() {
		return nil, errors.New("sign a response: ParamsHash or ContentHash is missing")
	}
	if a.Responded.Before(a.Requested) {
		a.Responded = a.Requested
	}
	var requested, x seal
	if err := requested.open(a.Requested, s, nil); err != nil {
		return nil, err
	}
	if err := x.open(a.Responded, s, nil); err != nil {
		return nil, err
	}
	a.Action.ParentID = a.RequestID
	size := 640 + sealLen + len(s.signer) + len(a.Action.Tool) + len(a.Action.Target) + len(a.Action.Session) +
		len(a.Action.CallID) + len(a.Action.TraceID) + len(a.RequestID) + len(a.Outcome.Reason) + len(a.Outcome.Error)
	m := append(make([]byte, 0, size), `{"action":`...)
	m, _ = a.Action.appendTo(m, []byte("null"), a.ParamsHash)
	action := len(m)
	m = x.appendNonce(m)
	nonce := len(m)
	m = appendResponse(append(m, `,"response":`...), a.ContentHash, a.Outcome)
	response := len(m)
	m = append(append(m, `,"signer":`...), s.signer...)
	m = append(append(m, `,"ts_request":"`...), requested.ts[:]...)
	m = append(append(m, `","ts_response":"`...), x.ts[:]...)
	m = append(m, `","v":2}`...)

	if err := x.sign("rec_", s.key, m); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(m)+len(`,"id":"","sig":""`)+len(x.id)+len(x.sig)), m[:action]...)
	b = append(x.appendID(b), m[nonce:response]...)
	b = append(x.appendSig(b), m[response:]...)
	return &Receipt{ID: string(x.id[:]), JSON: b, Record: b}, nil
}
