package mcpwire

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// mentionsCall says whether any decoding of the bytes could hold "tools/call".
// It is the gate's first look, and for a line that is not JSON its only one,
// so it errs to yes.
func mentionsCall(line []byte) bool {
	if bytes.Contains(line, callBytes) {
		return true
	}
	nul := bytes.IndexByte(line, 0) >= 0
	if nul {
		// Without them UTF-16 and UTF-32 read as ASCII, and so do their escapes.
		// Python's json and .NET's StreamReader know them by themselves.
		line = bytes.ReplaceAll(line, []byte{0}, nil)
	}
	if utf8.Valid(line) {
		return (nul || bytes.IndexByte(line, '\\') >= 0) && spellsCall(line)
	}
	// Some decoders leave out what is no character, some read on.
	short, _ := shortest(line)
	short = bytes.ReplaceAll(short, []byte{0}, nil)
	return spellsCall(bytes.ToValidUTF8(short, nil)) || spellsCall(bytes.ToValidUTF8(line, nil))
}

var callBytes = []byte(toolsCall)

// spellsCall says whether "tools/call" stands in line, which is UTF-8, in
// whatever escapes.
func spellsCall(line []byte) bool {
	// matched counts how much of "tools/call" the last characters have spelled.
	// It has one t only, so a mismatch goes back to the start.
	matched := 0
	for i := 0; i < len(line); {
		if matched == 0 && line[i] != 't' && line[i] != '\\' {
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

// readsAs says whether some parser takes the string s, as it is spelled
// between its quotes, for want: one that ends it at NUL, as in C, or one that
// leaves out what is no character. As the name of a member it may also be one
// that folds case, as encoding/json does, or that passes over hyphens and
// underscores, as encoding/json/v2 does if told to.
func readsAs(s []byte, want string, isName bool) bool {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, nil)
	}
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

// lenientChar is the first character of b, which is UTF-8, and the number of
// bytes it takes. It reads the escapes of JSON, JSON5 and YAML; a backslash
// before anything else is taken away. char is -1 for half of a surrogate pair.
func lenientChar(b []byte) (char rune, size int) {
	switch {
	case b[0] >= utf8.RuneSelf:
		return utf8.DecodeRune(b)
	case b[0] != '\\':
		return rune(b[0]), 1
	case len(b) == 1 || b[1] >= utf8.RuneSelf:
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

// hexDigits reads up to most hexadecimal digits of b.
func hexDigits(b []byte, most int) (v rune, n int) {
	for n < most && n < len(b) {
		switch c := b[n]; {
		case '0' <= c && c <= '9':
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return v, n
		}
		n++
	}
	return v, n
}

// shortest is b with the characters that stand in it in more bytes than UTF-8
// allows (RFC 3629, section 3) in as many as need be, and whether there were
// any. Some decoders read them, Jackson's among them.
func shortest(b []byte) (out []byte, found bool) {
	for len(b) > 0 {
		r, n := longRune(b)
		if n == 0 {
			out = append(out, b[0])
			b = b[1:]
			continue
		}
		found = true
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out, found
}

// longRune is the character that b begins with and its size in bytes, if that
// is more than it should be; else the size is 0.
func longRune(b []byte) (r rune, size int) {
	size = bits.LeadingZeros8(^b[0]) // the first byte has as many ones in front
	if size < 2 || size > 6 || size > len(b) {
		return 0, 0
	}
	r = rune(b[0] & (0x7f >> size))
	for _, c := range b[1:size] {
		if c&0xc0 != 0x80 {
			return 0, 0
		}
		r = r<<6 | rune(c&0x3f)
	}
	if r < 0 || utf8.RuneLen(r) >= size || utf8.RuneLen(r) < 0 {
		return 0, 0
	}
	return r, size
}
