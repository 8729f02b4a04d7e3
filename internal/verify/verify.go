// Package verify says what is established of a receipt, of a log, and of a file
// of receipts, given the keys that are known: typed verdicts, which it does not
// print. Their JSON is the output of verify --json.
//
// Only what a known key signed is believed. A record that is not signed, or by
// another key, is counted and listed as such, and has no other effect: on no
// time, no partial record, no damage, no outcome, no gap. And what is believed is read
// in the canonical form that was hashed and signed, however it was spelled
// (package chain and package sign see to that).
//
// A log may be hostile: lists have at most maxListed entries, and what is taken
// from records into them is clipped to maxClip bytes.
package verify

import (
	"crypto/ed25519"
	"encoding/base64"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Verdict is what it all comes to.
type Verdict string

const (
	Valid       Verdict = "valid"       // all is established
	Tampered    Verdict = "tampered"    // what was signed is not what is there, or the log is damaged
	Unconfirmed Verdict = "unconfirmed" // nothing is wrong, but not all is established
	Unchecked   Verdict = "unchecked"   // it could not be read to its end
)

// FormatKey is a public key as receipts have it.
func FormatKey(key ed25519.PublicKey) string {
	return "ed25519:" + base64.StdEncoding.EncodeToString(key)
}

// formatTime is a time as receipts have it, "" for none.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return event.FormatTime(t)
}

// Bounds of what a finding holds: a hostile log must not fill memory, nor the
// screen.
const (
	maxListed = 100 // entries of a list
	maxClip   = 200 // bytes of what an entry repeats of a record
)
