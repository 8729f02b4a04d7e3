// Package sign makes and verifies receipts: signed statements that an agent asked
// for a tool to be called, with which arguments, and when. The format is that of
// Signet; FORMAT.md in this directory describes it.
//
// # Verifying
//
// [Verify] takes a receipt, in any spelling of its JSON, and the keys that may have
// signed it. A signature alone proves nothing, because anybody can make a receipt
// with their own key and any name in it. So a receipt by another key is an error,
// an [*UnknownKeyError]. It has what the receipt says, and the key that is not
// known:
//
//	v, err := sign.Verify(receipt, sign.Keys(alice))
//	if err != nil {
//		return err
//	}
//	if !v.Covers(arguments) {
//		return errors.New("the receipt is for other arguments")
//	}
//
// A receipt is not secret: whoever sees one can present it again. A server that
// acts on receipts must also check [Verified.Tool], [Verified.Target],
// [Verified.Time] and [Verified.Expires], and refuse an ID that it has seen before.
//
// [ReadUnverified] returns what a receipt says and checks no signature.
//
// # Signing
//
// A [Signer] has a key and a name. It makes a receipt in two steps.
// [Signer.Prepare] reads and hashes the arguments, which takes time and needs no
// lock. [Draft.SignAt] adds the time and signs; it is for use under the lock of the
// log:
//
//	signer, err := sign.NewSigner(key, "agent", "alice")
//	draft, err := signer.Prepare(sign.Action{Tool: "add", Arguments: args, Target: "mcp://files"})
//	receipt, err := draft.SignAt(at.Time, at.Prev) // in chain.Log.Append
//	// receipt.Record goes into the log, receipt.JSON into the request
//
// [Draft.Sign] is for receipts outside a log, [Signer.Respond] for the outcome of a
// call, and [Signer.Event] for events (package event).
//
// Arguments are signed in canonical form (RFC 8785) and are in the receipt. Three
// kinds of arguments are not in the receipt that travels, only their hash: those
// without a canonical form, such as 9007199254740993; those longer than 1 MiB; and
// those for which [Action.Room] is too small. The log has their bytes.
//
// The package reads no files and no clock, and builds for GOOS=js and wasip1.
package sign
