package sign

import "crypto/ed25519"

// LogCheck returns a function that says of a receipt that follows the record with
// the hash prev in a log, whether it is signed and stands where it was signed to
// stand, and if so, whether all of its keys are known. It is what the writer of a
// log asks of the record that it continues from.
func LogCheck(isKnown func(ed25519.PublicKey) bool) func(receipt []byte, prev Hash) (signed, known bool) {
	return func(receipt []byte, prev Hash) (signed, known bool) {
		v, err := Verify(receipt)
		if err != nil || len(v.Signers) == 0 || !v.Follows(prev) {
			return false, false
		}
		for _, s := range v.Signers {
			if !isKnown(s.Key) {
				return true, false
			}
		}
		return true, true
	}
}

// PublicKey is the key that verifies what s signs.
func (s *Signer) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }
