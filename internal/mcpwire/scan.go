package mcpwire

import (
	"encoding/binary"
	"math/bits"
)

// scanner reads one JSON text that comes in pieces, by the grammar of RFC 8259, in
// one pass. It keeps a bit for each open array or object, and nothing of the text.
// After an error the text is bad, but is read as long as its brackets match,
// because a program may be lenient.
//
// It does not check that strings are UTF-8: most programs replace invalid bytes.
type scanner struct {
	state   scanState
	depth   int      // of arrays and objects that are open
	objects []uint64 // a bit for each of them: it is an object

	bad  bool // it is not JSON
	junk bool // it begins as no message does
	lost bool // its brackets do not match: it is not read on
	cr   bool // there is a carriage return inside it
	ret  bool // one has come

	key     bool // the string that is being read is a member's name
	escape  int  // bytes of an escape that are still to come
	number  numState
	literal string // what is still to come of true, false or null
}

type scanState uint8

const (
	expectValue   scanState = iota
	expectElement           // or the end of an empty array
	expectMember            // or the end of an empty object
	expectName
	expectColon
	expectComma // or the end of what is open
	expectEnd   // the text is whole
	inString
	inNumber
	inLiteral
)

type numState uint8

const (
	numMinus numState = iota
	numZero
	numDigits
	numPoint
	numFraction
	numE
	numSign
	numExponent
)

// maxTyped is the deepest level at which arrays and objects are distinguished.
// Deeper brackets are only counted.
const maxTyped = 1 << 24

// whole says whether the text was valid JSON from beginning to end.
func (s *scanner) whole() bool { return s.state == expectEnd && !s.bad }

func (s *scanner) isObject() bool {
	i := s.depth - 1
	return i < maxTyped && s.objects[i/64]>>(i%64)&1 == 1
}

func (s *scanner) push(object bool) {
	if i := s.depth; i < maxTyped {
		if i/64 == len(s.objects) {
			s.objects = append(s.objects, 0)
		}
		s.objects[i/64] &^= 1 << (i % 64)
		if object {
			s.objects[i/64] |= 1 << (i % 64)
		}
	}
	s.depth++
}

// pop closes what is open and says whether c is the bracket for it.
func (s *scanner) pop(c byte) bool {
	if s.depth == 0 || s.depth <= maxTyped && s.isObject() != (c == '}') {
		return false
	}
	s.depth--
	return true
}

// after is the state after a value.
func (s *scanner) after() scanState {
	if s.depth == 0 {
		return expectEnd
	}
	return expectComma
}

// text reads on in a string, from p[i], and returns the index after its end, and
// whether it has ended.
func (s *scanner) text(p []byte, i int) (end int, over bool) {
	for i < len(p) {
		if s.escape > 0 {
			s.escaped(p[i])
			i++
			continue
		}
		if i = skipText(p, i); i == len(p) {
			break
		}
		switch p[i] {
		case '"':
			return i + 1, true
		case '\\':
			if i+1 < len(p) && short[p[i+1]] {
				i++
			} else {
				s.escape = 1
			}
		default:
			s.bad = true // a control character
		}
		i++
	}
	return i, false
}

// short are the letters of the escapes that are no longer than one letter.
var short = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// escaped takes a byte of an escape.
func (s *scanner) escaped(c byte) {
	if s.escape > 1 {
		s.escape--
		if s.escape == 1 {
			s.escape = 0
		}
		s.bad = s.bad || !(c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'f')
		return
	}
	s.escape = 0
	if c == 'u' {
		s.escape = 5 // four digits
	} else if !short[c] {
		s.bad = true
	}
}

// skipText returns the index of the first byte in p[i:] that is a quote, a
// backslash or a control character, or len(p). It reads eight bytes at a time.
func skipText(p []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; i+8 <= len(p); i += 8 {
		x := binary.LittleEndian.Uint64(p[i:])
		quote, backslash := x^('"'*ones), x^('\\'*ones)
		// The high bit of each byte that is below 0x20 in x, or 0 in quote or in
		// backslash. A borrow sets wrong bits only after one that is right.
		stop := ((x-' '*ones)&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(p) && p[i] >= ' ' && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}

// digits reads on in a number, from p[i]: it returns the index of the first byte
// that cannot belong to it, and whether there is one.
func (s *scanner) digits(p []byte, i int) (end int, over bool) {
	for ; i < len(p); i++ {
		c := p[i]
		digit := c-'0' < 10
		switch s.number {
		case numMinus:
			switch {
			case c == '0':
				s.number = numZero
			case digit:
				s.number = numDigits
			default:
				s.bad = true
				return i, true
			}
		case numZero, numDigits, numFraction:
			for digit && s.number != numZero {
				if i++; i == len(p) {
					return i, false
				}
				c = p[i]
				digit = c-'0' < 10
			}
			switch {
			case c == '.' && s.number != numFraction:
				s.number = numPoint
			case c|0x20 == 'e':
				s.number = numE
			default:
				return i, true
			}
		case numPoint:
			if !digit {
				s.bad = true
				return i, true
			}
			s.number = numFraction
		case numE:
			if c == '+' || c == '-' {
				s.number = numSign
				continue
			}
			fallthrough
		case numSign:
			if !digit {
				s.bad = true
				return i, true
			}
			s.number = numExponent
		case numExponent:
			if !digit {
				return i, true
			}
		}
	}
	return i, false
}

// beginNumber takes the first byte of a number.
func (s *scanner) beginNumber(c byte) {
	s.state = inNumber
	switch c {
	case '-':
		s.number = numMinus
	case '0':
		s.number = numZero
	default:
		s.number = numDigits
	}
}

// beginLiteral takes the first letter of true, false or null.
func (s *scanner) beginLiteral(c byte) {
	s.state = inLiteral
	switch c {
	case 't':
		s.literal = "rue"
	case 'f':
		s.literal = "alse"
	default:
		s.literal = "ull"
	}
}

// letters reads on in a literal, from p[i], as digits does in a number.
func (s *scanner) letters(p []byte, i int) (end int, over bool) {
	for ; s.literal != "" && i < len(p); i++ {
		if p[i] != s.literal[0] {
			s.bad = true
			return i, true
		}
		s.literal = s.literal[1:]
	}
	return i, s.literal == ""
}

// nested reads on from p[i], where a token begins, as long as more than floor arrays
// and objects are open, and returns where it has come to. It does what message.step
// does, for what lies so deep that only the grammar matters.
func (s *scanner) nested(p []byte, i, floor int) int {
	for i < len(p) {
		c := p[i]
		over := true
		switch c {
		case ' ', '\t', '\n':
			i++
			continue
		case '\r':
			s.ret = true
			i++
			continue
		}
		s.cr = s.cr || s.ret
		i++
		switch c {
		case '"':
			if s.key = s.state == expectName || s.state == expectMember; !s.key {
				s.value()
			}
			if i, over = s.text(p, i); !over {
				s.state = inString
				return i
			}
			if s.state = expectComma; s.key {
				s.state = expectColon
			}
		case '{', '[':
			s.value()
			s.open(c)
		case '}', ']':
			if !s.close(c) || s.depth == floor {
				return i
			}
		case ',':
			s.comma()
		case ':':
			s.colon()
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			s.value()
			s.beginNumber(c)
			if i, over = s.digits(p, i); !over {
				return i
			}
			s.state = expectComma
		case 't', 'f', 'n':
			s.value()
			s.beginLiteral(c)
			if i, over = s.letters(p, i); !over {
				return i
			}
			s.state = expectComma
		default:
			s.bad = true
		}
	}
	return i
}

// value is told that a value begins.
func (s *scanner) value() {
	if s.state != expectValue && s.state != expectElement {
		s.bad = true
	}
}

func (s *scanner) comma() {
	s.bad = s.bad || s.state != expectComma
	switch {
	case s.depth == 0:
		s.state = expectEnd
	case s.isObject():
		s.state = expectName
	default:
		s.state = expectValue
	}
}

func (s *scanner) colon() {
	s.bad = s.bad || s.state != expectColon
	s.state = expectValue
}

// open handles an opening bracket.
func (s *scanner) open(c byte) {
	s.push(c == '{')
	if s.state = expectElement; c == '{' {
		s.state = expectMember
	}
}

// close handles a closing bracket, and says whether it matches an open one.
func (s *scanner) close(c byte) bool {
	if s.state != expectComma && (c == '}' && s.state != expectMember || c == ']' && s.state != expectElement) {
		s.bad = true
	}
	if !s.pop(c) {
		s.bad, s.lost = true, true
		return false
	}
	s.state = s.after()
	return true
}
