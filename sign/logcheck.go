package sign

import "errors"

// LogCheck returns a function for chain.Options.Check, which the writer of a log
// calls for the record that it continues after. The function gets the record's
// receipt and the hash of the record before that. isSigned says whether the receipt
// has a valid signature and is in the place that it was signed for; isKnown says,
// of such a receipt, whether all keys that [Verify] demands are known.
func LogCheck(known Known) func(receipt []byte, prev Hash) (isSigned, isKnown bool) {
	return func(receipt []byte, prev Hash) (isSigned, isKnown bool) {
		v, err := Verify(receipt, known)
		unknown, ok := errors.AsType[*UnknownKeyError](err)
		if ok {
			v = unknown.Says
		}
		if v == nil || !v.Follows(prev) {
			return false, false
		}
		return true, !ok
	}
}
