package sign

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Verified is what a receipt or event says. From [Verify] it is established that
// the keys in Signers signed it; from [ReadUnverified] nothing is.
type Verified struct {
	Version int    // 1 to 4
	Type    string // of an event, such as "torn_line"; empty for a receipt
	ID      string

	// Event is what an event says, nil for a receipt. It is an [event.Other],
	// with a word in Doubts, if it lacks what its type demands.
	Event event.Event
	// Canonical is the receipt or event in canonical form: what was checked,
	// however it was spelled. Whoever reads on reads this.
	Canonical []byte

	// What was asked for. In a version 3 receipt all of it is from the
	// receipt of the agent that is embedded; an event has a session at most.
	// Empty is what the receipt does not have.
	Tool, Target, Transport  string
	Session, CallID, TraceID string
	ParentID                 string // parent_receipt_id
	InputHash                Hash   // action.response_hash, if it is a hash: of the input that the call brings
	EmbeddedID               string // of the receipt embedded in a version 3 receipt

	// The arguments: see also [Verified.Arguments].
	ParamsHash Hash
	Params     []byte // canonical JSON, nil if the receipt has null
	Apart      bool   // they are in params_raw, as they were sent
	Exact      bool   // they are there, and were signed by their bytes; only Verify knows
	HashOnly   bool   // only their hash is in the receipt
	paramsRaw  []byte // b64
	nonce, ts  string // as they are written, of a receipt of version 1 or an event

	Time      time.Time // ts, ts_request, or ts of the embedded receipt
	Responded time.Time // ts_response, zero if there is none
	Expires   time.Time // exp, zero if there is none

	ResponseHash Hash // response.content_hash
	Outcome      Outcome

	// Signers are the keys that signed, each with the name it gave itself:
	// whoever holds a key can claim any name. There is one at least, but in
	// an event that is not signed. Who signed this receipt itself is the last; before
	// it come the agent (version 3) or the root of its authority (version 4).
	Signers []Party

	// Doubts are what a valid signature does not settle, one phrase each,
	// such as a response dated before its request.
	Doubts []string
}

// An Outcome is what became of a request, in a receipt of version 2 or 3. Status
// is "verified", "rejected", "requires_approval", "executed" or "failed", or
// empty if the receipt does not say.
type Outcome struct{ Status, Reason, Error string }

// A Party is a signer. Role is "agent" for who asked, "server" for who responded
// (version 3), and "root" for who delegated authority (version 4).
type Party struct {
	Role, Name, Owner string
	Key               ed25519.PublicKey
}

// Expired reports whether the receipt has an expiry and it is before at. In a
// log, expiry never invalidates a record.
func (v *Verified) Expired(at time.Time) bool { return !v.Expires.IsZero() && v.Expires.Before(at) }

// Arguments returns the arguments that the receipt holds: the JSON text Params,
// or if they stand apart the bytes as they were sent. It is nil if there are none
// or only their hash is there.
func (v *Verified) Arguments() []byte {
	if !v.Apart {
		return v.Params
	}
	raw, err := base64Strict.DecodeString(string(v.paramsRaw))
	if err != nil {
		return nil
	}
	return raw
}

// Covers reports whether the receipt is for a call with these arguments, the JSON
// text as it was received: they have the hash params_hash, in canonical form or as
// they are (FORMAT.md, "Exact" and "Apart"). It needs no params, so the receipt may
// be one that travelled without them. nil is a call without arguments, which has
// the hash of {}.
func (v *Verified) Covers(arguments []byte) bool {
	if arguments == nil {
		return v.ParamsHash == emptyHash
	}
	if event.HashOf(arguments) == v.ParamsHash {
		return true
	}
	canonical, err := canon.Canonicalize(arguments)
	return err == nil && event.HashOf(canonical) == v.ParamsHash
}

// Bound says whether the receipt was signed for one place in a log: calls of a
// wrapper and events are (FORMAT.md, "Nonce"). Other writers' receipts,
// responses, and what was signed by hand outside a log are not.
func (v *Verified) Bound() bool {
	return v.Version == 1 && (v.Type != "" || isSession(v.Session)) && len(v.Signers) > 0
}

// Follows says whether the receipt is where it was signed to be, after the record
// with the hash prev. It is true for what is not [Verified.Bound]. That a bound
// one follows another record now shows that some before it were taken out, put in
// or changed, and the log's hashes made anew.
func (v *Verified) Follows(prev Hash) bool {
	if !v.Bound() {
		return true
	}
	var room [8 + 44]byte
	pubkey := base64.StdEncoding.AppendEncode(append(room[:0], "ed25519:"...), v.Signers[len(v.Signers)-1].Key)
	nonce, ok := strings.CutPrefix(v.nonce, "rnd_")
	placed := placedNonce(prev, pubkey, v.ts)
	return ok && nonce == string(placed[:])
}

// isSession knows the session of a wrapper: "ses_" and 128 bits in hex.
func isSession(s string) bool {
	return len(s) == 4+32 && s[:4] == "ses_" && strings.Trim(s[4:], "0123456789abcdef") == ""
}
