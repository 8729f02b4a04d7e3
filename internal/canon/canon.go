// Package canon is the canonical form of JSON, RFC 8785 ("JCS"), in which
// everything is signed and hashed. Only this package imports a canonicalizer.
//
// It does more than the canonicalizer in three ways. [Canonicalize] never changes
// what a text says: if RFC 8785 would silently round a number, or cannot represent
// the text, it returns an [InexactError], and the caller signs bytes. [IsCanonical]
// says in one pass, without an allocation, whether a text is in canonical form
// already, as receipts and log records nearly always are; that makes verification
// cheap. And usual arguments of clients, with members in any order and needless
// escapes, are rewritten here. The canonicalizer only gets numbers in other digits,
// such as 1.0, and the tests compare all else with it.
package canon

import (
	"fmt"

	"github.com/gowebpki/jcs"
)

// MaxDepth is the deepest nesting of arrays and objects that [Canonicalize] and
// [IsCanonical] accept. The reference implementation reads JSON with serde_json,
// which stops at 128 levels, so it can verify nothing deeper. A value inside a
// receipt must leave room for the receipt, the record and the request around it:
// [CheckPortable].
const MaxDepth = 128

// MaxRewrite is the maximum length of a text that [Canonicalize] rewrites, in
// bytes. The canonicalizer builds a tree of up to 100 times the size of its text,
// and anybody may have written the texts in a log. A text in canonical form may
// have any length.
const MaxRewrite = 16 << 20

// PortableDepth is the deepest nesting that [CheckPortable] accepts.
const PortableDepth = 100

// An InexactError says that a text is JSON by its grammar, but RFC 8785 cannot
// represent it without loss. The grammar is that of RFC 8259, byte by byte, so
// invalid UTF-8 in a string is not an error of grammar.
type InexactError struct {
	Reason string // lower case, a phrase: "a number is outside the range of a double"
}

func (e *InexactError) Error() string { return "no exact canonical form: " + e.Reason }

// Canonicalize returns the RFC 8785 form of the JSON text raw, which may have
// white space around it. If raw is canonical already, the result is raw itself,
// not a copy.
//
// The error is an [InexactError] if raw follows the grammar of JSON but its
// canonical form would not say the same:
//   - a number whose decimal value is not that of its canonical form, such as
//     9007199254740993, 0.10000000000000001 or 1e-400
//   - a number out of the range of a double, such as 1e400
//   - a lone surrogate (a \ud800 without its second half, or the reverse)
//   - a member name that occurs twice in one object, escapes resolved
//   - bytes inside a string that are not UTF-8
//   - nesting deeper than [MaxDepth]
//
// Any other error says that raw is not JSON, or that it is not canonical and longer
// than [MaxRewrite].
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
		// Grammar, numbers, strings and depth were checked above, more strictly
		// than jcs does, so the only error left is a name that occurs twice. The
		// message does not have the name: it is the sender's, and these messages go
		// to logs.
		return nil, &InexactError{"a member name occurs twice in one object"}
	}
	return out, nil
}

// CheckPortable reports, as an [InexactError], whether canonical, a text in
// canonical form, could not be read back by the reference implementation once
// it is inside a receipt:
//   - nesting deeper than [PortableDepth], which together with the receipt, the
//     record and the request around it could pass serde_json's 128 levels
//   - an integer written in plain digits that serde_json reads as an integer,
//     -2^63 to 2^64-1, but that is beyond ±(2^53-1), where the reference's
//     canonicalizer (json_canon) refuses integers
//
// The second is no loss under RFC 8785 and may be in a receipt written by
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
				return &InexactError{"the reference implementation cannot canonicalize an integer beyond 2^53-1"}
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
