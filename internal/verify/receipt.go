package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// Receipt is what verifying one receipt came to.
type Receipt struct {
	Verdict Verdict  `json:"verdict"`           // Valid, Tampered or Unconfirmed
	Reasons []string `json:"reasons,omitempty"` // why it is not valid

	ID        string          `json:"id,omitempty"`
	Version   int             `json:"v,omitempty"`
	Event     string          `json:"event,omitempty"` // type, for an event of the log
	Tool      string          `json:"tool,omitempty"`
	Target    string          `json:"target,omitempty"`
	Params    string          `json:"params,omitempty"` // "match", "match as bytes", "hash only" or "none"
	Time      string          `json:"time,omitempty"`   // by the signer's clock
	Expires   string          `json:"expires,omitempty"`
	Expired   bool            `json:"expired"`
	Responded string          `json:"responded,omitempty"`
	Outcome   string          `json:"outcome,omitempty"`
	Signers   []ReceiptSigner `json:"signers,omitempty"`
}

// ReceiptSigner is one who signed a receipt.
type ReceiptSigner struct {
	Role    string `json:"role"`
	Name    string `json:"name"` // what it calls itself
	Owner   string `json:"owner,omitempty"`
	Pubkey  string `json:"pubkey"`
	Known   bool   `json:"known"`
	KnownAs string `json:"known_as,omitempty"` // what it is called here
	Trust   string `json:"trust"`              // Trusted, Named or Unknown
}

// CheckReceipt verifies a receipt or event in any spelling. The error says that
// it cannot be read as one, or that it is an event without a signature: nothing
// is established then, either way.
func CheckReceipt(receipt []byte, keys Keys, now time.Time) (Receipt, error) {
	return checkAt(receipt, keys, now, time.Time{})
}

// checkAt is CheckReceipt as judgeAt is Judge.
func checkAt(receipt []byte, keys Keys, now, seen time.Time) (Receipt, error) {
	v, err := sign.Verify(receipt, sign.AnyKey) // Judge looks at the keys
	if invalid, ok := errors.AsType[*sign.InvalidError](err); ok {
		return Receipt{Verdict: Tampered, Reasons: []string{invalid.Reason}}, nil
	}
	if err != nil {
		return Receipt{}, err
	}
	return judgeAt(v, keys, now, seen), nil
}

// Judge says what is established by a receipt whose signatures are good.
func Judge(v *sign.Verified, keys Keys, now time.Time) Receipt {
	return judgeAt(v, keys, now, time.Time{})
}

// judgeAt is Judge for a receipt that others, who count, saw at a time; zero: none did.
func judgeAt(v *sign.Verified, keys Keys, now, seen time.Time) Receipt {
	r := Receipt{
		Verdict: Valid, Reasons: v.Doubts,
		ID: v.ID, Version: v.Version, Event: v.Type, Tool: v.Tool, Target: v.Target,
		Time: formatTime(v.Time), Expires: formatTime(v.Expires), Expired: v.Expired(now),
		Responded: formatTime(v.Responded), Outcome: v.Outcome.Status,
	}
	if v.Type == "" {
		r.Params = params(v)
	}
	keys.signers(v, func(p sign.Party, s standing) {
		signer := ReceiptSigner{p.Role, p.Name, p.Owner, FormatKey(p.Key), s.known(), s.as, s.level}
		if s.as == byDelegation {
			signer.Known, signer.KnownAs = false, "" // it is the root that is
		}
		r.Signers = append(r.Signers, signer)
		say := func(format string, a ...any) { r.Reasons = append(r.Reasons, fmt.Sprintf(format, a...)) }
		switch {
		case !s.known():
			say("the key of the %s, who calls itself %q, is not known here: anybody can make such a receipt", p.Role, p.Name)
		case s.level == Carried:
			say("the key of the %s is named by the evidence alone", p.Role)
		case !keys.established(s.level):
			say("the key of the %s is named by this home, and not by the trust file", p.Role)
		case s.outside && (s.until.IsZero() || seen.IsZero() || seen.After(s.until)):
			say("the key of the %s (%s) was not to be trusted at the time that it claims", p.Role, s.as)
		case !s.until.IsZero() && (seen.IsZero() || seen.After(s.until)):
			say("the key of the %s (%s) is trusted until %s, and that this was signed before is its own word", p.Role, s.as, formatTime(s.until))
		}
	})
	if r.Expired {
		r.Reasons = append(r.Reasons, "it expired at "+r.Expires)
	}
	if len(r.Reasons) > 0 {
		r.Verdict = Unconfirmed
	}
	return r
}

// SignerUnknown says whether one who signed is not known here.
func (r *Receipt) SignerUnknown() bool {
	for _, s := range r.Signers {
		if !s.Known {
			return true
		}
	}
	return false
}

// params is what is established about the arguments. sign.Verify has compared
// them with their hash.
func params(v *sign.Verified) string {
	switch {
	case v.Exact:
		return "match as bytes"
	case v.Apart:
		return "match"
	case v.HashOnly:
		return "hash only"
	case v.Params == nil:
		return "none"
	}
	return "match"
}
