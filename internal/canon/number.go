package canon

import (
	"bytes"
	"math"
	"strconv"
)

// maxSafe is 2^53-1. Every integer up to it is exactly a double (RFC 7493, section
// 2.2).
const maxSafe = 1<<53 - 1

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// scanNumber returns the index after the number that begins at b[i] (RFC 8259,
// section 6), -1 if none does. small says whether it is a plain integer of at most
// 15 digits and not -0: such a number is exact and canonical, and most numbers are.
func scanNumber(b []byte, i int) (end int, small bool) {
	first := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	switch n := i - digits; {
	case n == 0, n > 1 && b[digits] == '0':
		return -1, false
	default:
		small = n <= 15 && (b[digits] != '0' || first == digits)
	}
	if i < len(b) && b[i] == '.' {
		small = false
		i++
		digits = i
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		if i == digits {
			return -1, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		small = false
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		digits = i
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		if i == digits {
			return -1, false
		}
	}
	return i, small
}

// maxNumber is the maximum length of a number in canonical form, in bytes: a sign,
// "0.00000" and 17 digits.
const maxNumber = 25

// appendNumber appends the canonical form of f, which is finite, to dst
// (RFC 8785, section 3.2.2.3, by reference to ECMAScript's Number::toString).
func appendNumber(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // -0 too
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// strconv writes at least two digits of exponent, ECMAScript one.
	if n := len(dst); dst[n-2] == '0' && !isDigit(dst[n-3]) {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// canonicalNumber says whether token, a number by grammar, is in canonical form.
func canonicalNumber(token []byte) bool {
	if len(token) > maxNumber {
		return false
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return false
	}
	var buf [maxNumber + 8]byte
	return bytes.Equal(appendNumber(buf[:0], f), token)
}

// checkNumber returns why token, a number by grammar, has no exact canonical form;
// "" if it has one.
func checkNumber(token []byte) string {
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return "a number is outside the range of a double"
	}
	var buf [maxNumber + 8]byte
	if !sameDecimal(token, appendNumber(buf[:0], f)) {
		return "a number has more digits than a double holds"
	}
	return ""
}

// sameDecimal says whether two numbers by grammar, of the same sign, have the same
// decimal value in any form: 1.50e1 and 15.
func sameDecimal(x, y []byte) bool {
	a, b := parseDecimal(x), parseDecimal(y)
	if a.first < 0 || b.first < 0 {
		return a.first == b.first
	}
	if a.exp != b.exp {
		return false
	}
	// Compare the digits from the first to the last one that is not zero,
	// without the point.
	i, j := a.first, b.first
	for i <= a.last && j <= b.last {
		if x[i] == '.' {
			i++
		}
		if y[j] == '.' {
			j++
		}
		if x[i] != y[j] {
			return false
		}
		i++
		j++
	}
	return i > a.last && j > b.last
}

type decimal struct {
	first, last int // indices of the first and last digit that is not 0; first < 0: the value is zero
	exp         int // power of ten of the digit at first
}

func parseDecimal(token []byte) decimal {
	d := decimal{first: -1}
	point, end, firstPos := -1, len(token), 0
	pos := 0 // how many digits before this one
	for i, c := range token {
		switch {
		case c == '.':
			point = pos
		case c == 'e' || c == 'E':
			end = i
		case isDigit(c):
			if c != '0' {
				if d.first < 0 {
					d.first, firstPos = i, pos
				}
				d.last = i
			}
			pos++
		}
		if end < len(token) {
			break
		}
	}
	if point < 0 {
		point = pos
	}
	d.exp = point - firstPos - 1
	if end < len(token) {
		e := token[end+1:]
		minus := e[0] == '-'
		if minus || e[0] == '+' {
			e = e[1:]
		}
		n := 0
		for _, c := range e {
			// With a larger exponent, no text is long enough for a number in
			// the range of a double.
			if n < math.MaxInt32/16 {
				n = n*10 + int(c-'0')
			}
		}
		if minus {
			n = -n
		}
		d.exp += n
	}
	return d
}

// refusedInteger says whether token, a number in canonical form, is one that the
// reference reads as an integer and then refuses; see [CheckPortable].
func refusedInteger(token []byte) bool {
	if len(token) < 16 {
		return false
	}
	f, _ := strconv.ParseFloat(string(token), 64)
	// The digits are the shortest that give f back, so near the end of a
	// range they can lie on the other side of it from f: -2^63 is written
	// -9223372036854776000, which is no int64 any more. Between these bounds
	// every double is an integer in plain digits.
	return f > maxSafe && f < 1<<64 || f < -maxSafe && f > -1<<63
}
