package check

import (
	"encoding/json"
	"fmt"

	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
)

// A Reason says in one word why a call was refused. It is the member reason of data
// in the JSON-RPC error, and never changes.
type Reason string

const (
	BadMessage     Reason = "bad_message"     // the message is not JSON that all servers read alike, or too long
	NoReceipt      Reason = "no_receipt"      // the call carries none, and one is demanded
	Ambiguous      Reason = "ambiguous"       // it carries more than one, or one under a doubtful name
	Malformed      Reason = "malformed"       // what it carries is not a receipt of a request
	Invalid        Reason = "invalid"         // the receipt is not what was signed
	UnknownKey     Reason = "unknown_key"     // it is good, and signed by a key that is not trusted
	KeyNotValid    Reason = "key_not_valid"   // the key is not trusted for the time of the receipt, or now
	Stale          Reason = "stale"           // the receipt is too old
	Future         Reason = "future"          // its time is in the future
	Expired        Reason = "expired"         // it says itself that it has expired
	WrongTarget    Reason = "wrong_target"    // it is for another server
	WrongTool      Reason = "wrong_tool"      // it is for another tool
	WrongArguments Reason = "wrong_arguments" // it is for other arguments
	Replayed       Reason = "replayed"        // a call with this receipt has passed before
	NotChecked     Reason = "not_checked"     // it cannot be known now: the trust file or the replays cannot be read
)

// A Refusal is the error for calls that must not go to the server.
type Refusal struct {
	Reason Reason
	Detail string // for people: a phrase about the call, 300 bytes at most
	Index  int    // of the call among those that were checked together
	// Receipt is what the receipt says, if its signature is good; else nil.
	Receipt *sign.Verified
}

func refuse(reason Reason, v *sign.Verified, format string, a ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: text.Clip(fmt.Sprintf(format, a...), 300), Receipt: v}
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Reason, r.Detail) }

// Codes of the JSON-RPC errors, section 5.1 of JSON-RPC 2.0.
const (
	codeInvalid  = -32600
	codeInternal = -32603
)

// Code is the code for the JSON-RPC error: -32603 for [NotChecked], after which the
// same call may pass later, and -32600 for all others.
func (r *Refusal) Code() int {
	if r.Reason == NotChecked {
		return codeInternal
	}
	return codeInvalid
}

// Data is the member data for the JSON-RPC error: an object with the member reason.
func (r *Refusal) Data() json.RawMessage {
	return fmt.Appendf(nil, `{"reason":%q}`, string(r.Reason))
}
