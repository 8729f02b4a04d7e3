package sign

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// An Answer is what came of a call that has a receipt of version 1.
type Answer struct {
	Action     Action // of the call; Arguments, HashOnly and ParentID are not looked at
	ParamsHash string // of the call's receipt: [Draft.ParamsHash]
	RequestID  string // the id of the call's receipt
	Requested  time.Time
	Responded  time.Time // if it is before Requested, Requested stands for it

	ContentHash string // H(JCS(result)), or of the error of a JSON-RPC error
	Outcome     Outcome
}

// ParamsHash is the params_hash of the receipts that the draft makes.
func (d *Draft) ParamsHash() string { return d.paramsHash }

// Respond makes a receipt of version 2: the observer of the call saw its answer
// (FORMAT.md, "Version 2"). The arguments are in the receipt of the call, which
// parent_receipt_id names, and not repeated.
func (s *Signer) Respond(a Answer) (*Receipt, error) {
	if !isHash(a.ParamsHash) || !isHash(a.ContentHash) {
		return nil, errors.New("sign an answer: a hash is not \"sha256:\" and 64 hex digits")
	}
	if a.Responded.Before(a.Requested) {
		a.Responded = a.Requested
	}
	var requested, x seal
	if err := requested.open(a.Requested, s, ""); err != nil {
		return nil, err
	}
	if err := x.open(a.Responded, s, ""); err != nil {
		return nil, err
	}
	a.Action.ParentID = a.RequestID
	action, _ := a.Action.appendTo([]byte(`{"action":`), []byte("null"), a.ParamsHash)

	response := append([]byte(`,"response":{"content_hash":"`), a.ContentHash...)
	response = append(response, '"')
	if a.Outcome.Status != "" {
		response = append(response, `,"outcome":{`...)
		response = appendOptional(response, "error", a.Outcome.Error)
		response = appendOptional(response, "reason", a.Outcome.Reason)
		response = canon.AppendString(append(response, `"status":`...), a.Outcome.Status)
		response = append(response, '}')
	}
	response = append(response, '}')

	end := append([]byte(`,"signer":`), s.signer...)
	end = fmt.Appendf(end, `,"ts_request":"%s","ts_response":"%s","v":2}`, requested.ts[:], x.ts[:])

	message := slices.Concat(x.appendNonce(action), response, end)
	if err := x.sign("rec_", s.key, message); err != nil {
		return nil, err
	}
	b := slices.Concat(x.appendID(action), response, x.appendSig(nil), end)
	return &Receipt{ID: string(x.id[:]), JSON: b, Record: b}, nil
}
