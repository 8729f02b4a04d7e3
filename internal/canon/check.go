package canon

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// check parses raw by the grammar of JSON (RFC 8259). It returns nil if raw has an
// exact canonical form, except that it does not find names that occur twice;
// sorting the members finds them. An error of grammar anywhere takes precedence
// over an [InexactError] before it.
//
// It does not recurse. Each level of nesting takes a byte, and cannot exhaust the
// stack.
func check(raw []byte) error { return (&checker{b: raw}).run() }

// Valid says whether raw is JSON by its grammar alone, also if it has no exact
// canonical form.
func Valid(raw []byte) bool {
	err := (&checker{b: raw, inexact: "not looked at"}).run()
	return !errors.Is(err, errNotJSON)
}

func (c *checker) run() error {
	for {
		opened, err := c.value()
		if err != nil {
			return err
		}
		if !opened || c.peek() == c.closing() {
			done, err := c.after()
			if done || err != nil {
				return err
			}
		}
		if c.closing() == '}' {
			if err := c.name(); err != nil {
				return err
			}
		}
	}
}

type checker struct {
	b       []byte
	i       int    // index of the next byte
	open    []byte // for each array or object around it, its closing bracket
	inexact string // the first reason found, or ""; once there is one, none is looked for
}

func (c *checker) note(reason string) {
	if c.inexact == "" {
		c.inexact = reason
	}
}

// peek returns the next byte that is not white space, 0 at the end.
func (c *checker) peek() byte {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// closing returns the bracket that would close the innermost open value; 0 if none
// is open.
func (c *checker) closing() byte {
	if len(c.open) == 0 {
		return 0
	}
	return c.open[len(c.open)-1]
}

// value reads a string, number or literal, or the opening of an array or object.
func (c *checker) value() (opened bool, err error) {
	switch b := c.peek(); b {
	case '{', '[':
		c.open = append(c.open, b+2) // '{'+2 == '}', '['+2 == ']'
		if len(c.open) > MaxDepth {
			c.note(fmt.Sprintf("arrays and objects are nested deeper than %d", MaxDepth))
		}
		c.i++
		return true, nil
	case '"':
		return false, c.text()
	case 't':
		return false, c.literal("true")
	case 'f':
		return false, c.literal("false")
	case 'n':
		return false, c.literal("null")
	}
	end, small := scanNumber(c.b, c.i)
	if end < 0 {
		return false, c.notJSON("a value")
	}
	if !small && c.inexact == "" {
		if reason := checkNumber(c.b[c.i:end]); reason != "" {
			c.note(reason)
		}
	}
	c.i = end
	return false, nil
}

// name reads a member's name and the colon after it.
func (c *checker) name() error {
	if c.peek() != '"' {
		return c.notJSON("a member name")
	}
	if err := c.text(); err != nil {
		return err
	}
	if c.peek() != ':' {
		return c.notJSON("a colon")
	}
	c.i++
	return nil
}

// after reads the closing brackets after a value, and then a comma or, if all is
// closed, the end.
func (c *checker) after() (done bool, err error) {
	for len(c.open) > 0 && c.peek() == c.closing() {
		c.open = c.open[:len(c.open)-1]
		c.i++
	}
	b := c.peek()
	switch {
	case len(c.open) > 0 && b == ',':
		c.i++
		return false, nil
	case len(c.open) > 0:
		return false, c.notJSON("a comma or closing bracket")
	case c.i < len(c.b):
		return false, c.notJSON("the end")
	case c.inexact != "":
		return true, &InexactError{c.inexact}
	}
	return true, nil
}

func (c *checker) literal(s string) error {
	end := scanLiteral(c.b, c.i, s)
	if end < 0 {
		return c.notJSON("a value")
	}
	c.i = end
	return nil
}

func (c *checker) text() error {
	end, reason := checkString(c.b, c.i)
	if end < 0 {
		return c.notJSON("a string")
	}
	if reason != "" {
		c.note(reason)
	}
	c.i = end
	return nil
}

var errNotJSON = errors.New("not JSON")

// notJSON says what the grammar expects at c.i. The message does not have the text
// there, which is the sender's.
func (c *checker) notJSON(want string) error {
	return fmt.Errorf("%w: expected %s at byte %d", errNotJSON, want, c.i)
}

// checkString reads the string that begins with the quote at b[i]. It returns the
// index after it, -1 if it breaks the grammar, and why it has no exact canonical
// form; "" if it has one.
func checkString(b []byte, i int) (end int, inexact string) {
	i++
	for {
		i = skipPlain(b, i)
		if i >= len(b) {
			return -1, ""
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, inexact
		case c >= utf8.RuneSelf:
			for i < len(b) && b[i] >= utf8.RuneSelf { // seldom one alone
				r, n := utf8.DecodeRune(b[i:])
				if r == utf8.RuneError && n <= 1 {
					inexact = "a string is not valid UTF-8"
				}
				i += n
			}
		case c == '\\':
			n, lone := checkEscape(b[i:])
			if n == 0 {
				return -1, ""
			}
			if lone {
				inexact = "a string has half of a surrogate pair"
			}
			i += n
		default:
			return -1, "" // a control character
		}
	}
}

// checkEscape returns the length of the escape at the beginning of s, 0 if it
// breaks the grammar, and whether it is half of a surrogate pair. A whole pair is
// one escape of 12 bytes.
func checkEscape(s []byte) (n int, lone bool) {
	if len(s) < 2 {
		return 0, false
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
	default:
		return 0, false
	}
	switch unit := hex4(s[2:]); {
	case unit < 0:
		return 0, false
	case unit < 0xD800 || unit > 0xDFFF:
		return 6, false
	case unit <= 0xDBFF && len(s) >= 12 && s[6] == '\\' && s[7] == 'u':
		if low := hex4(s[8:]); low >= 0xDC00 && low <= 0xDFFF {
			return 12, false
		}
	}
	return 6, true // and what follows is looked at by itself
}

// hex4 returns the value of the four hex digits at the beginning of s, or -1.
func hex4(s []byte) int {
	if len(s) < 4 {
		return -1
	}
	n := 0
	for _, c := range s[:4] {
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
