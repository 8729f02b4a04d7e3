package sign

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Verified is what a receipt or event says. If it comes from [Verify], the keys in
// Signers signed it. If it comes from [ReadUnverified], nothing was checked.
type Verified struct {
	Version int    // 1 to 4
	Type    string // of an event, such as "torn_line"; "" for a receipt
	ID      string

	// Event is what an event says; nil for a receipt. An event without a member
	// that its type demands is an [event.Other], and Doubts says so.
	Event event.Event
	// Canonical is the receipt or event in canonical form, which is what was
	// checked. To read more members, read these bytes and not the input.
	Canonical []byte

	// The call. In a receipt of version 3 this is from the agent's receipt in it.
	// An event has at most a session. "" and zero: the receipt does not have the
	// member.
	Tool, Target, Transport  string
	Session, CallID, TraceID string
	ParentID                 string // parent_receipt_id
	InputHash                Hash   // action.response_hash, if it is a hash: of the input that the call gives
	EmbeddedID               string // of the agent's receipt in a receipt of version 3

	// The arguments: see also [Verified.Arguments].
	ParamsHash Hash
	Params     []byte // canonical JSON; nil: the receipt has null
	Apart      bool   // they are in params_raw, as sent
	Exact      bool   // Apart, and signed by their bytes; not set by ReadUnverified
	HashOnly   bool   // only their hash is in the receipt
	paramsRaw  []byte // base64
	supplied   []byte // by Supply
	nonce, ts  string // as written, of a receipt of version 1 or an event

	Time      time.Time // ts, ts_request, or ts of the agent's receipt in a version 3
	Responded time.Time // ts_response; zero: none
	Expires   time.Time // exp; zero: none

	ResponseHash Hash // response.content_hash
	Outcome      Outcome

	// Signers are the keys that signed, each with the name that its holder claims;
	// a key holder can claim any name. The last one signed the receipt itself.
	// Before it is the agent (version 3) or the root of its authority (version 4).
	// Only an event without a signature has none.
	Signers []Party

	// Doubts are questions that a valid signature leaves open, one phrase each,
	// such as a response dated before its request.
	Doubts []string
}

// An Outcome is how a request ended, in a receipt of version 2 or 3. Status is
// "verified", "rejected", "requires_approval", "executed" or "failed"; "" if the
// receipt does not say. Reason and Error are texts, "" if there are none.
type Outcome struct{ Status, Reason, Error string }

// A Party is a signer. Role is "agent" for the one who asked, "server" for the one
// who responded (version 3), "root" for the one who delegated authority (version
// 4).
type Party struct {
	Role, Name, Owner string
	Key               ed25519.PublicKey
}

// Expired says whether the receipt has an expiry before at. In a log, expiry never
// makes a record invalid.
func (v *Verified) Expired(at time.Time) bool { return !v.Expires.IsZero() && v.Expires.Before(at) }

// Arguments returns the arguments in the receipt: Params or, if they are Apart,
// their bytes as sent. It is nil if there are none, or only their hash.
func (v *Verified) Arguments() []byte {
	if v.supplied != nil {
		return v.supplied
	}
	if !v.Apart {
		return v.Params
	}
	raw, err := base64Strict.DecodeString(string(v.paramsRaw))
	if err != nil {
		return nil
	}
	return raw
}

// Supply gives a receipt that has only the hash of its arguments the arguments that
// somebody kept elsewhere, exactly as they were hashed. It returns false, and does
// nothing, if they are not what was signed. Then Arguments returns them, and
// HashOnly is false.
func (v *Verified) Supply(arguments []byte) bool {
	if !v.HashOnly || arguments == nil || event.HashOf(arguments) != v.ParamsHash {
		return false
	}
	v.HashOnly, v.supplied = false, arguments
	return true
}

// Nonce is the nonce of a receipt of version 1 or 4: with the key it tells one receipt
// from all others. "" for other versions.
func (v *Verified) Nonce() string { return v.nonce }

// Covers says whether the receipt is for a call with these arguments, the JSON text
// as received: params_hash is their hash, in canonical form or as they are
// (FORMAT.md, "Exact" and "Apart"). The arguments need not be in the receipt. nil
// means a call without arguments, which has the hash of {}.
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

// Bound says whether the receipt was signed for one place in a log. That holds for
// events and for calls of a wrapper (FORMAT.md, "Nonce"). It does not hold for
// responses, for receipts of other programs, and for receipts that were signed by
// hand.
func (v *Verified) Bound() bool {
	return v.Version == 1 && (v.Type != "" || isSession(v.Session)) && len(v.Signers) > 0
}

// Follows says whether the receipt is in the place that it was signed for, directly
// after the record with the hash prev. It is true for receipts that are not
// [Verified.Bound]. If it is false in a log whose hashes are right, then records
// before it were removed, inserted or changed, and the hashes computed again.
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

// isSession says whether s is the session of a wrapper: "ses_" and 128 bits in hex.
func isSession(s string) bool {
	return len(s) == 4+32 && s[:4] == "ses_" && strings.Trim(s[4:], "0123456789abcdef") == ""
}
