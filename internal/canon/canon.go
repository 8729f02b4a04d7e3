// Package canon is the canonical form of JSON, RFC 8785 ("JCS"), in which
// everything is signed and hashed, and the only package that imports a
// canonicaliser.
//
// Three things set it apart from calling one directly. [Canonicalize] never
// changes what a text says: where RFC 8785 would silently round a number or
// cannot represent the text at all, it reports an [InexactError] and the caller
// signs bytes instead. [IsCanonical] answers in one pass, without allocating,
// whether a text already is its own canonical form, which receipts and log
// records nearly always are; that is what makes verification cheap. And what
// clients send as arguments, members in their own order and escapes that nothing
// needs, is rewritten here; the canonicaliser is left with numbers in other
// digits, such as 1.0, and is the judge of the rest in the tests.
package canon

import (
	"fmt"

	"github.com/gowebpki/jcs"
)

// MaxDepth is the deepest nesting of arrays and objects that [Canonicalize] and
// [IsCanonical] accept. The reference implementation reads JSON with
// serde_json, which stops at 128 levels, so nothing that it can verify is
// deeper. What is to be put inside a receipt must leave room for the receipt,
// the record and the request around it: [CheckPortable].
const MaxDepth = 128

// MaxRewrite is the length, in bytes, of the longest text that [Canonicalize]
// rewrites. The canonicaliser builds a tree of up to 100 times the size of its
// text, and texts come from logs that anyone may have written. A text that
// already is canonical may have any length.
const MaxRewrite = 16 << 20

// PortableDepth is the deepest nesting that [CheckPortable] accepts.
const PortableDepth = 100

// InexactError reports a text that is JSON by its grammar (RFC 8259, taken byte
// by byte, so that invalid UTF-8 inside a string is not an error of grammar) but
// that RFC 8785 cannot carry without loss.
type InexactError struct {
	Reason string // lower case, a phrase: "a number is outside the range of a double"
}

func (e *InexactError) Error() string { return "no exact canonical form: " + e.Reason }

// Canonicalize returns the RFC 8785 form of the JSON text raw, which may have
// white space around it. If raw already is canonical the result is raw itself,
// not a copy.
//
// The error is an [InexactError] if raw follows the grammar of JSON but its
// canonical form would not say the same:
//   - a number whose decimal value is not that of its canonical form, such as
//     9007199254740993, 0.10000000000000001 or 1e-400
//   - a number out of the range of a double, such as 1e400
//   - a lone surrogate (a \ud800 without its second half, or the reverse)
//   - a member name that stands twice in one object, escapes resolved
//   - bytes inside a string that are not UTF-8
//   - nesting deeper than [MaxDepth]
//
// Any other error says that raw is not JSON, or that it is neither canonical nor
// short enough to be made so ([MaxRewrite]).
func Canonicalize(raw []byte) ([]byte, error) {
	if IsCanonical(raw) {
		return raw, nil
	}
	if len(raw) <= MaxRewrite {
		if out, ok := rewrite(raw); ok {
			return out, nil
		}
	}
	if err := check(raw); err != nil {
		return nil, err
	}
	if len(raw) > MaxRewrite {
		return nil, fmt.Errorf("not in canonical form and longer than %d bytes", MaxRewrite)
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		// Grammar, numbers, strings and depth were checked above and are
		// narrower than jcs's own, so what is left to it is a name that
		// stands twice. The name itself is kept out of the message: it is
		// the sender's, and these messages reach logs.
		return nil, &InexactError{"a member name stands twice in one object"}
	}
	return out, nil
}

// CheckPortable reports, as an [InexactError], whether canonical, a text in
// canonical form, could not be read back by the reference implementation once
// it stands inside a receipt:
//   - nesting deeper than [PortableDepth], which together with the receipt, the
//     record and the request around it could pass serde_json's 128 levels
//   - an integer written in plain digits that serde_json reads as an integer,
//     -2^63 to 2^64-1, but that is beyond ±(2^53-1), where the reference's
//     canonicaliser (json_canon) refuses integers
//
// The second is no loss under RFC 8785 and may stand in a receipt written by
// someone else, who had it as 1e17; it is only not to be written by us. For
// anything but canonical JSON the result means nothing.
func CheckPortable(canonical []byte) error {
	depth := 0
	for i := 0; i < len(canonical); {
		switch c := canonical[i]; {
		case c == '"':
			i = skipString(canonical, i)
			continue
		case c == '{' || c == '[':
			if depth++; depth > PortableDepth {
				return &InexactError{fmt.Sprintf("arrays and objects are nested deeper than %d", PortableDepth)}
			}
		case c == '}' || c == ']':
			depth--
		case c == '-' || isDigit(c):
			end := i + 1
			for end < len(canonical) && isNumberByte(canonical[end]) {
				end++
			}
			if refusedInteger(canonical[i:end]) {
				return &InexactError{"the reference implementation cannot canonicalise an integer beyond 2^53-1"}
			}
			i = end
			continue
		}
		i++
	}
	return nil
}

// skipString returns the index after the string that begins with the quote at
// b[i], or len(b) if it does not end.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(b)
}
