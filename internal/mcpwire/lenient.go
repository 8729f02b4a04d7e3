package mcpwire

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// suspicious says whether some parser could take line, or a part of it, as a
// tools/call: some decoding of the bytes contains these words, or a member "method"
// that is not a string, which some parsers convert to one. It is the gate's first
// check, and the only one for a line that is not JSON, so in doubt it says yes.
func suspicious(line []byte) bool {
	if saysCall(line) {
		return true
	}
	nul := bytes.IndexByte(line, 0) >= 0
	if nul {
		// Without NULs, UTF-16 and UTF-32 read as ASCII, and so do their escapes.
		// Python's json and .NET's StreamReader detect these encodings.
		line = bytes.ReplaceAll(line, []byte{0}, nil)
	}
	if utf8.Valid(line) {
		return nul && saysCall(line) || suspiciousText(line)
	}
	// Some decoders drop bytes that are not characters.
	short, _ := shortest(line)
	short = bytes.ReplaceAll(short, []byte{0}, nil)
	for _, text := range [][]byte{bytes.ToValidUTF8(short, nil), bytes.ToValidUTF8(line, nil)} {
		if saysCall(text) || suspiciousText(text) {
			return true
		}
	}
	return false
}

var callBytes = []byte(toolsCall)

// saysCall says whether b contains "tools/call" without escapes. It searches for
// the slash, which is rarer in text than a t.
func saysCall(b []byte) bool {
	const slash = len("tools")
	for at := slash; at < len(b); at++ {
		n := bytes.IndexByte(b[at:], '/')
		if n < 0 {
			return false
		}
		at += n
		if bytes.HasPrefix(b[at-slash:], callBytes) {
			return true
		}
	}
	return false
}

// suspiciousText is suspicious for UTF-8 that does not contain "tools/call" without
// escapes.
func suspiciousText(line []byte) bool {
	i := letterEscape(line)
	if i < 0 {
		return oddMethod(line)
	}
	start := i
	for start > 0 && bytes.IndexByte(callBytes, line[start-1]) >= 0 {
		start-- // the letters before it
	}
	return spellsCall(line[start:]) || oddMethodEscaped(line)
}

// letterEscape is the index of the first backslash in line that may spell a letter
// of "tools/call" or "method"; -1 if there is none.
func letterEscape(line []byte) int {
	for i := 0; ; i += 2 {
		n := bytes.IndexByte(line[min(i, len(line)):], '\\')
		if n < 0 {
			return -1
		}
		if i += n; i+1 < len(line) {
			switch line[i+1] | 0x20 {
			case 'u', 'x', 't', 'o', 'l', 's', '/', 'c', 'a', 'm', 'e', 'h', 'd':
				return i
			}
		}
	}
}

// spellsCall says whether line, which is UTF-8, contains "tools/call" in any
// escapes.
func spellsCall(line []byte) bool {
	// matched is how much of "tools/call" the last characters match. It has
	// only one t, so a mismatch begins again at the start.
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

// oddMethod says whether line, which is UTF-8 without escaped letters, has a member
// that some parser takes as "method" and whose value is not a string. Most messages
// that pass the gate are checked only here, so it goes from colon to colon and not
// from string to string.
func oddMethod(line []byte) bool {
	for at := 0; ; {
		n := bytes.IndexByte(line[at:], ':')
		if n < 0 {
			return false
		}
		at += n + 1
		if at > 1 && line[at-2] > ' ' && line[at-2] != '"' {
			continue // nearly all colons in text
		}
		if endsInMethod(line[:at-1]) && oddValue(line[at-1:]) {
			return true
		}
	}
}

// endsInMethod says whether b ends in a string without escapes for which readsAs
// "method" is true.
func endsInMethod(b []byte) bool {
	const want = "method"
	i := len(b) - 1
	for i >= 0 && isSpace(b[i]) {
		i--
	}
	if i < 0 || b[i] != '"' {
		return false
	}
	left := len(want)
	for i--; i >= 0; i-- {
		switch c := b[i]; {
		case c == '"':
			return left == 0
		case c == '-' || c == '_':
		case left == 0 || c|0x20 != want[left-1]:
			return false
		default:
			left--
		}
	}
	return false
}

// oddMethodEscaped is oddMethod for a line with escapes. It goes from string to
// string.
func oddMethodEscaped(line []byte) bool {
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			return false
		}
		line = line[i+1:]
		end := endOfString(line)
		if end < 0 {
			return false
		}
		name := line[:end]
		line = line[end+1:]
		if oddValue(line) && readsAs(name, "method", true) {
			return true
		}
	}
}

// endOfString is the index of the quote that ends the string b, of which the
// first quote is taken off, -1 if there is none.
func endOfString(b []byte) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		backslashes := 0
		for backslashes < i && b[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
}

// oddValue says whether b, which follows a string, continues with a colon and a
// value that is not a string.
func oddValue(b []byte) bool {
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != ':' {
		return false
	}
	i = skipSpace(b, i+1)
	return i < len(b) && bytes.IndexByte([]byte(`"}],:`), b[i]) < 0
}

// skipSpace is the index of the first byte from i on that is not white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// readsAs says whether some parser takes the string s, as spelled between its
// quotes, as want: one that ends it at NUL, as in C, or one that drops bytes that
// are not characters. For the name of a member it may also be one that ignores
// case, as encoding/json does, or that skips hyphens and underscores, as
// encoding/json/v2 can.
func readsAs(s []byte, want string, isName bool) bool {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, nil)
	}
	dashes := isName && want[0] != '_' // are passed over
	isDash := func(c rune) bool { return c == '-' || c == '_' }
	rest := func(i int) int {
		for dashes && i < len(want) && isDash(rune(want[i])) {
			i++
		}
		return i
	}
	matched := rest(0)
	for i := 0; i < len(s); {
		c, n := lenientChar(s[i:])
		i += n
		switch {
		case c == 0 && matched == len(want):
			return true
		case c <= 0, dashes && isDash(c):
			continue
		case matched == len(want):
			return false
		case c != rune(want[matched]) && !(isName && folded(c) == folded(rune(want[matched]))):
			return false
		}
		matched = rest(matched + 1)
	}
	return matched == len(want)
}

// folded is c in lower case if that is ASCII: U+017F is an s, U+212A a k.
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

// lenientChar is the first character of b, which is UTF-8, and its length in bytes.
// It reads the escapes of JSON, JSON5 and YAML; a backslash before any other
// character is dropped. char is -1 for half of a surrogate pair.
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

// shortest is b with overlong characters, which have more bytes than UTF-8 allows
// (RFC 3629, section 3), in their right form. found says whether there were any.
// Some decoders read them, Jackson's among them.
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

// longRune is the character at the beginning of b and its size in bytes, if it is
// overlong. Otherwise the size is 0.
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
