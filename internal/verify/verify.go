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

	"github.com/signet-wrap/signet-wrap/sign"
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

// Keys are the public keys that are known, and what each is called here.
type Keys map[string]string // by the 32 bytes

// Name is what the key is called here, and whether it is known at all.
func (k Keys) Name(key ed25519.PublicKey) (name string, known bool) {
	name, known = k[string(key)]
	return name, known
}

// Add adds a key, unless it is known already.
func (k Keys) Add(key ed25519.PublicKey, name string) {
	if _, ok := k[string(key)]; !ok {
		k[string(key)] = name
	}
}

// signers calls see for each who signed v, with what it is called here. One to
// whom a known root has delegated its authority is known by that: sign.Verify has
// checked the delegations, and the root comes first.
func (k Keys) signers(v *sign.Verified, see func(p sign.Party, as string, known bool)) {
	vouched := false
	for _, p := range v.Signers {
		as, known := k.Name(p.Key)
		root := known && p.Role == "root"
		if vouched && !known {
			as, known = byDelegation, true
		}
		see(p, as, known)
		vouched = vouched || root
	}
}

const byDelegation = "by delegation"

// has is a [sign.Known].
func (k Keys) has(key ed25519.PublicKey) bool {
	_, ok := k[string(key)]
	return ok
}

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
