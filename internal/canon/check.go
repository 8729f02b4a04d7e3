package canon

import (
	"fmt"
	"unicode/utf8"
)

// check goes through raw as the grammar of JSON has it (RFC 8259) and returns
// nil if it has an exact canonical form but for names that stand twice, which
// are found when members are sorted. An error of grammar anywhere comes before
// an [InexactError] for what stands earlier. It does not recurse, so no depth of
// nesting in a text of any length can exhaust the stack.
func check(raw []byte) error {
	var (
		inexact string
		open    []byte // for each array or object around us, its closing bracket
		i       = skipSpace(raw, 0)
	)
	note := func(reason string) {
		if inexact == "" {
			inexact = reason
		}
	}
value:
	if i >= len(raw) {
		return notJSON(i, "the text ends")
	}
	switch c := raw[i]; c {
	case '{', '[':
		open = append(open, c+2) // ASCII: '{'+2 == '}', '['+2 == ']'
		if len(open) > MaxDepth {
			note(fmt.Sprintf("arrays and objects are nested deeper than %d", MaxDepth))
		}
		i = skipSpace(raw, i+1)
		if i < len(raw) && raw[i] == c+2 {
			goto closed
		}
		if c == '{' {
			goto name
		}
		goto value
	case '"':
		end, reason := checkString(raw, i)
		if end < 0 {
			return notJSON(i, "a bad string")
		}
		if reason != "" {
			note(reason)
		}
		i = end
	case 't', 'f', 'n':
		literal := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
		if i = scanLiteral(raw, i, literal); i < 0 {
			return notJSON(i, "a bad literal")
		}
	default:
		end, small := scanNumber(raw, i)
		if end < 0 {
			return notJSON(i, "no value")
		}
		if !small {
			if reason := checkNumber(raw[i:end]); reason != "" {
				note(reason)
			}
		}
		i = end
	}
after:
	i = skipSpace(raw, i)
	if len(open) == 0 {
		if i < len(raw) {
			return notJSON(i, "more after the value")
		}
		if inexact != "" {
			return &InexactError{inexact}
		}
		return nil
	}
	if i >= len(raw) {
		return notJSON(i, "the text ends")
	}
	if raw[i] == open[len(open)-1] {
		goto closed
	}
	if raw[i] != ',' {
		return notJSON(i, "no comma")
	}
	i = skipSpace(raw, i+1)
	if open[len(open)-1] == ']' {
		goto value
	}
name:
	if i >= len(raw) || raw[i] != '"' {
		return notJSON(i, "no member name")
	}
	{
		end, reason := checkString(raw, i)
		if end < 0 {
			return notJSON(i, "a bad string")
		}
		if reason != "" {
			note(reason)
		}
		i = skipSpace(raw, end)
	}
	if i >= len(raw) || raw[i] != ':' {
		return notJSON(i, "no colon")
	}
	i = skipSpace(raw, i+1)
	goto value
closed:
	open = open[:len(open)-1]
	i++
	goto after
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// checkString takes the string that begins with the quote at b[i] and returns
// the index behind it, -1 if it breaks the grammar, and why it has no exact
// canonical form, or "".
func checkString(b []byte, i int) (end int, inexact string) {
	const lone = "a lone surrogate"
	i++
	for i < len(b) {
		c := b[i]
		if plain[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			return i + 1, inexact
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				inexact = "a string is not valid UTF-8"
			}
			i += n
		case c == '\\' && i+1 < len(b):
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				unit := hex4(b, i+2)
				if unit < 0 {
					return -1, ""
				}
				i += 6
				switch {
				case unit < 0xD800 || unit > 0xDFFF:
				case unit <= 0xDBFF && i+1 < len(b) && b[i] == '\\' && b[i+1] == 'u':
					low := hex4(b, i+2)
					if low < 0 {
						return -1, ""
					}
					if low < 0xDC00 || low > 0xDFFF {
						inexact = lone // and what follows is looked at by itself
						continue
					}
					i += 6
				default:
					inexact = lone
				}
			default:
				return -1, ""
			}
		default: // a control character, or a backslash that ends the text
			return -1, ""
		}
	}
	return -1, ""
}

// hex4 returns the value of the four hex digits at b[i], or -1.
func hex4(b []byte, i int) int {
	if len(b)-i < 4 {
		return -1
	}
	n := 0
	for _, c := range b[i : i+4] {
		switch {
		case isDigit(c):
			n = n<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		case 'A' <= c && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return -1
		}
	}
	return n
}
