package canon

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// plain marks the bytes that are themselves in a canonical string and need no
// further check: ASCII except controls, the quote and the backslash.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// skipPlain returns the index of the first byte in b[i:] that is not plain, or
// len(b). It checks eight bytes at a time, because a string of base64 can be most
// of a record.
func skipPlain(b []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^('"'*ones), x^('\\'*ones)
		// The high bit of each byte that is below 0x20, 0 in quote or in
		// backslash, or has the high bit. A borrow can set bits wrongly, but
		// only in bytes after one that is rightly set.
		stop := (x-' '*ones)&^x | (quote-ones)&^quote | (backslash-ones)&^backslash | x
		if stop &= highs; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(b) && plain[b[i]] {
		i++
	}
	return i
}

// scanString reads the string that begins with the quote at b[i]. RFC 8785, section
// 3.2.2.2: the escapes \b \t \n \f \r \" \\, and \u00xx in lower case for the other
// controls, only where they are needed.
func scanString(b []byte, i int) int {
	i++
	for {
		i = skipPlain(b, i)
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			_, n := unescape(b[i:])
			if n == 0 {
				return -1
			}
			i += n
		case c >= utf8.RuneSelf:
			for i < len(b) && b[i] >= utf8.RuneSelf { // seldom one alone
				r, n := utf8.DecodeRune(b[i:])
				if r == utf8.RuneError && n <= 1 {
					return -1
				}
				i += n
			}
		default:
			return -1 // a control character
		}
	}
}

// unescape decodes the escape at the beginning of s, in canonical form. It returns
// the byte and the length of the escape, 2 or 6; 0 if it is not one.
func unescape(s []byte) (c byte, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\':
		return s[1], 2
	case 'b':
		return '\b', 2
	case 't':
		return '\t', 2
	case 'n':
		return '\n', 2
	case 'f':
		return '\f', 2
	case 'r':
		return '\r', 2
	case 'u':
		if len(s) < 6 || s[2] != '0' || s[3] != '0' || s[4] != '0' && s[4] != '1' {
			return 0, 0
		}
		switch {
		case isDigit(s[5]):
			c = s[5] - '0'
		case 'a' <= s[5] && s[5] <= 'f':
			c = s[5] - 'a' + 10
		default:
			return 0, 0
		}
		c |= (s[4] - '0') << 4
		if '\b' <= c && c <= '\r' && c != '\v' {
			return 0, 0 // has an escape of two letters
		}
		return c, 6
	}
	return 0, 0
}

// NameLess says whether the member name a sorts before b, both as between the
// quotes of a canonical string. RFC 8785, section 3.2.3: by UTF-16 code units of
// the name, escapes resolved.
func NameLess(a, b []byte) bool {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		x, n := a[i], 1
		y, m := b[j], 1
		if x == '\\' {
			x, n = unescape(a[i:])
		}
		if y == '\\' {
			y, m = unescape(b[j:])
		}
		if x != y {
			// UTF-8 sorts like code points. So does UTF-16, with one exception:
			// characters beyond U+FFFF (first byte F0 and up) are surrogates
			// in UTF-16 and come before U+E000 to U+FFFF (EE, EF).
			if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
				return x >= 0xF0
			}
			return x < y
		}
		i, j = i+n, j+m
	}
	return j < len(b)
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string in canonical form to dst. Bytes of s
// that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		i++
		done = i
		if c >= utf8.RuneSelf {
			dst = append(dst, "\uFFFD"...)
		} else {
			dst = appendChar(dst, c)
		}
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// appendChar appends an ASCII character as in a canonical string.
func appendChar(dst []byte, c byte) []byte {
	switch {
	case plain[c]:
		return append(dst, c)
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\b':
		return append(dst, '\\', 'b')
	case c == '\t':
		return append(dst, '\\', 't')
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\f':
		return append(dst, '\\', 'f')
	case c == '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
