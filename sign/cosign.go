package sign

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Cosign makes a receipt of version 3: the server's side signs the response to a call
// together with the agent's receipt of the call (FORMAT.md, "Version 3"). agent is
// that receipt, of version 1, verified and in canonical form ([Verified.Canonical]).
// contentHash is that of the result, by the rules of [ValueHash].
func (s *Signer) Cosign(agent []byte, contentHash Hash, o Outcome, responded time.Time) (*Receipt, error) {
	if !canon.IsCanonical(agent) || !canon.IsObject(agent) || contentHash.IsZero() {
		return nil, errors.New("cosign a response: there is no receipt in canonical form, or no content_hash")
	}
	var x seal
	if err := x.open(responded, s, nil); err != nil {
		return nil, err
	}
	name := member(s.signer, "name")
	server := append(append([]byte(`{"name":`), name...), `,"pubkey":"`...)
	all := []event.Member{
		{Name: "agent_receipt", Value: agent},
		{Name: "nonce", Value: quote(x.nonce[:])},
		{Name: "response", Value: appendResponse(nil, contentHash, o)},
		{Name: "server", Value: append(append(server, s.pubkey...), `"}`...)},
		{Name: "ts_response", Value: quote(x.ts[:])},
		{Name: "v", Value: []byte("3")},
	}
	message, err := event.Object(all)
	if err != nil {
		return nil, fmt.Errorf("cosign a response: %w", err)
	}
	if err := x.sign("rec_", s.key, message); err != nil {
		return nil, err
	}
	b, err := event.Object(append(slices.Clone(all),
		event.Member{Name: "id", Value: quote(x.id[:])},
		event.Member{Name: "sig", Value: quote(x.sig[:])}))
	if err != nil {
		return nil, err
	}
	return &Receipt{ID: string(x.id[:]), JSON: b, Record: b}, nil
}

// appendResponse appends the value of the member response.
func appendResponse(m []byte, contentHash Hash, o Outcome) []byte {
	m = append(appendHash(append(m, `{"content_hash":"`...), contentHash), '"')
	if o.Status != "" {
		m = append(m, `,"outcome":{`...)
		m = appendOptional(m, "error", o.Error)
		m = appendOptional(m, "reason", o.Reason)
		m = canon.AppendString(append(m, `"status":`...), o.Status)
		m = append(m, '}')
	}
	return append(m, '}')
}
