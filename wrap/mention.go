package wrap

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// mentionsCall says whether any decoding of the bytes could hold "tools/call".
// It is the gate's first look, and for a line that is not JSON its only one,
// so it errs to yes: see lenientChar.
func mentionsCall(line []byte) bool {
	if bytes.Contains(line, callBytes) {
		return true
	}
	nul := bytes.IndexByte(line, 0) >= 0
	if !nul && bytes.IndexByte(line, '\\') < 0 && utf8.Valid(line) {
		return false
	}
	if nul {
		// Without them UTF-16 and UTF-32 read as ASCII, and so do their escapes.
		// Python's json and .NET's StreamReader know them by themselves.
		line = bytes.ReplaceAll(line, []byte{0}, nil)
	}
	// matched counts how much of "tools/call" the last characters have spelled.
	// It has one t only, so a mismatch goes back to the start.
	matched := 0
	for i := 0; i < len(line); {
		if matched == 0 && cannotBegin[line[i]] {
			i++
			continue
		}
		c, n := lenientChar(line[i:])
		i += n
		if c <= 0 {
			continue
		}
		if c != rune(callBytes[matched]) {
			matched = 0
		}
		if c == rune(callBytes[matched]) {
			if matched++; matched == len(callBytes) {
				return true
			}
		}
	}
	return false
}

var callBytes = []byte(toolsCall)

// cannotBegin are the bytes with which nothing starts that reads as a t.
var cannotBegin = func() (is [256]bool) {
	for c := range utf8.RuneSelf {
		is[c] = c != 't' && c != '\\'
	}
	return is
}()

// readsAs says whether some parser takes the string s, as it is spelled
// between its quotes, for want: one that ends it at NUL, as in C, or one that
// leaves out what is no character. As the name of a member it may also be one
// that folds case, as encoding/json does, or that passes over hyphens and
// underscores, as encoding/json/v2 does if told to.
func readsAs(s []byte, want string, isName bool) bool {
	matched := 0
	for i := 0; i < len(s); {
		c, n := lenientChar(s[i:])
		i += n
		if isName {
			c = folded(c)
		}
		switch {
		case c == 0 && matched == len(want):
			return true
		case c <= 0, isName && (c == '-' || c == '_') && want[0] != '_':
			continue
		case matched == len(want), c != rune(want[matched]):
			return false
		}
		matched++
	}
	return matched == len(want)
}

// folded is c in lower case if it is ASCII then: U+017F is an s, U+212A a k.
func folded(c rune) rune {
	switch {
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	case c == 0x17f:
		return 's'
	case c == 0x212a:
		return 'k'
	}
	return c
}

// lenientChar is the first character of b and the number of bytes it takes. It
// reads what the most lenient parsers read: the escapes of JSON, JSON5 and
// YAML; a backslash before anything else is taken away. char is -1 for what is
// no character, and for half of a surrogate pair.
func lenientChar(b []byte) (char rune, size int) {
	switch {
	case b[0] >= utf8.RuneSelf:
		return lenientUTF8(b)
	case b[0] != '\\' || len(b) == 1:
		return rune(b[0]), 1
	case b[1] >= utf8.RuneSelf:
		return -1, 1
	}
	digits := 0
	switch b[1] {
	case 'u':
		digits = 4
		if len(b) > 2 && b[2] == '{' { // \u{74}
			v, n := hexDigits(b[3:], 6)
			if n > 0 && len(b) > 3+n && b[3+n] == '}' {
				return v, 4 + n
			}
		}
	case 'U':
		digits = 8
	case 'x':
		digits = 2
	}
	if digits == 0 {
		return rune(b[1]), 2
	}
	v, n := hexDigits(b[2:], digits)
	switch {
	case n < digits:
		return rune(b[1]), 2
	case v < 0 || 0xd800 <= v && v <= 0xdfff:
		return -1, 2 + n
	}
	return v, 2 + n
}

// lenientUTF8 is lenientChar for what does not begin with ASCII. UTF-8 may be
// longer than need be: Jackson, among others, reads it so.
func lenientUTF8(b []byte) (char rune, size int) {
	if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
		return r, n
	}
	// The first byte begins with as many ones as there are bytes.
	more := bits.LeadingZeros8(^b[0]) - 1
	if more < 1 || more > 5 || more >= len(b) {
		return -1, 1
	}
	v := rune(b[0] & (0x3f >> more))
	for _, c := range b[1 : 1+more] {
		if c&0xc0 != 0x80 {
			return -1, 1
		}
		v = v<<6 | rune(c&0x3f)
	}
	if 0xd800 <= v && v <= 0xdfff {
		return -1, 1 + more
	}
	return v, 1 + more
}

// hexDigits reads up to most hexadecimal digits of b.
func hexDigits(b []byte, most int) (v rune, n int) {
	for n < most && n < len(b) {
		c := b[n] | 0x20
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		default:
			return v, n
		}
		n++
	}
	return v, n
}
