package sign

import "errors"

// LogCheck returns a function that says of a receipt that follows the record with
// the hash prev in a log, whether it is signed and stands where it was signed to
// stand, and if so, whether all who must be are known, as [Verify] has it. It is
// what the writer of a log asks of the record that it continues from
// (chain.Options.Check).
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
