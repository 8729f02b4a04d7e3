// Package sign makes and verifies receipts: signed statements that an agent asked
// for a tool to be called, with which arguments, and when. The format is that of
// Signet, and FORMAT.md beside this file has it.
//
// # Verifying
//
// [Verify] takes a receipt, in any spelling of its JSON, and the keys that may have
// signed it. A signature alone proves nothing: anybody can make a receipt with a
// key of their own, and any name in it. So a receipt by another key is an error, an
// [*UnknownKeyError], which tells what the receipt says and whose key to ask for:
//
//	v, err := sign.Verify(receipt, sign.Keys(alice))
//	if err != nil {
//		return err
//	}
//	if !v.Covers(arguments) {
//		return errors.New("the receipt is for other arguments")
//	}
//
// A receipt has no secret: whoever sees one can show it again. A server that acts
// on receipts must also look at [Verified.Tool], [Verified.Target],
// [Verified.Time] and [Verified.Expires], and refuse an id that it has seen.
//
// [ReadUnverified] reads what a receipt says and checks nothing.
//
// # Signing
//
// A [Signer] has a key and a name. It makes a receipt in two halves, so that the
// costly one, which reads and hashes the arguments, stays outside the lock of the
// log, under which the time is taken:
//
//	signer, err := sign.NewSigner(key, "agent", "alice")
//	draft, err := signer.Prepare(sign.Action{Tool: "add", Arguments: args, Target: "mcp://files"})
//	receipt, err := draft.SignAt(at.Time, at.Prev) // in chain.Log.Append
//	// receipt.Record goes to the log, receipt.JSON into the request
//
// [Draft.Sign] is for receipts that stand in no log, [Signer.Respond] for what came
// of a call, and [Signer.Event] for what a log says of itself (package event).
//
// Arguments are signed in canonical form (RFC 8785) and stand in the receipt. Those
// that have none, such as 9007199254740993, those longer than [MaxParams], and those
// for which there is no [Action.Room], are signed by their hash, and their bytes
// are in the log only.
//
// The package reads no files and no clock, and builds for js and wasip1.
package sign
