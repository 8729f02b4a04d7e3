package wrap

import "bytes"

// mentionsCall says whether any decoding of the bytes could hold "tools/call".
// It is the gate's first look, and for a line that is not JSON its only one,
// so it errs to yes: it reads the escapes of JSON, JSON5 and YAML, takes a
// backslash before any other character away, and skips NULs.
func mentionsCall(line []byte) bool {
	if bytes.Contains(line, callBytes) {
		return true
	}
	if bytes.IndexByte(line, '\\') < 0 && bytes.IndexByte(line, 0) < 0 {
		return false
	}
	// matched counts how much of "tools/call" the last characters have spelled.
	// It has one t only, so a mismatch goes back to the start.
	matched := 0
	for i := 0; i < len(line); {
		r, n := lenientChar(line[i:])
		i += n
		if r == 0 {
			continue
		}
		if r != int(callBytes[matched]) {
			matched = 0
		}
		if r == int(callBytes[matched]) {
			if matched++; matched == len(callBytes) {
				return true
			}
		}
	}
	return false
}

var callBytes = []byte(toolsCall)

// lenientChar is the first character of b, escapes resolved, and the number of
// bytes it takes.
func lenientChar(b []byte) (char, size int) {
	if b[0] != '\\' || len(b) == 1 {
		return int(b[0]), 1
	}
	digits := 0
	switch b[1] {
	case 'u':
		digits = 4
		if len(b) > 2 && b[2] == '{' { // \u{74}
			v, n := hexDigits(b[3:], 8)
			if n > 0 && len(b) > 3+n && b[3+n] == '}' {
				return v, 4 + n
			}
		}
	case 'U':
		digits = 8
	case 'x':
		digits = 2
	}
	if digits > 0 {
		if v, n := hexDigits(b[2:], digits); n == digits {
			return v, 2 + digits
		}
	}
	return int(b[1]), 2
}

// hexDigits reads up to most hexadecimal digits of b.
func hexDigits(b []byte, most int) (v, n int) {
	for n < most && n < len(b) {
		c := b[n] | 0x20
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | int(c-'a'+10)
		default:
			return v, n
		}
		n++
	}
	return v, n
}
