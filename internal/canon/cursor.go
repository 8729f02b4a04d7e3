package canon

import "bytes"

// A Cursor iterates over the members of an object in canonical form. It does not
// allocate. On anything but canonical JSON it may panic.
type Cursor struct {
	Name  []byte // of the current member, without quotes, escaped as in the text
	Value []byte

	b  []byte // the object
	i  int    // index of the brace or comma after the current member
	at int    // index of the first byte of the member in the object
}

// Members returns a cursor before the first member of object. A value that is not
// an object has none.
func Members(object []byte) Cursor { return Cursor{b: object} }

// Next goes to the next member and says whether there is one.
func (c *Cursor) Next() bool {
	if c.i == 0 && !IsObject(c.b) {
		return false
	}
	c.at = c.i + 1
	if c.at >= len(c.b) || c.b[c.at] != '"' {
		return false // after the last, or before "}"
	}
	end := stringEnd(c.b, c.at)
	c.Name = c.b[c.at+1 : end-1]
	c.i = valueEnd(c.b, end+1)
	c.Value = c.b[end+1 : c.i]
	return true
}

// Member is the whole current member, name and value.
func (c *Cursor) Member() []byte { return c.b[c.at:c.i] }

// IsObject says whether a value in canonical form is an object.
func IsObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// Elements splits an array in canonical form. ok is false if it is not an array, or
// has more than limit elements.
func Elements(array []byte, limit int) (list [][]byte, ok bool) {
	if len(array) == 0 || array[0] != '[' {
		return nil, false
	}
	for i := 1; array[i-1] != ']' && array[i] != ']'; i++ {
		if len(list) == limit {
			return nil, false
		}
		end := valueEnd(array, i)
		list = append(list, array[i:end])
		i = end
	}
	return list, true
}

// valueEnd returns the index after the value that begins at b[i].
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // after a literal or number
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// stringEnd is skipString for canonical text: it searches only for the quote, which
// is faster in long strings.
func stringEnd(b []byte, i int) int {
	for {
		i++
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		backslashes := 0
		for b[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}

// Text decodes a JSON string in canonical form; ok is false for any other value.
func Text(value []byte) (s string, ok bool) {
	if b, ok := PlainText(value); ok {
		return string(b), true
	}
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	b := make([]byte, 0, len(value))
	for i := 1; i < len(value)-1; {
		if value[i] != '\\' {
			b = append(b, value[i])
			i++
			continue
		}
		c, n := unescape(value[i:])
		if n == 0 {
			return "", false
		}
		b, i = append(b, c), i+n
	}
	return string(b), true
}

// PlainText returns the contents of a JSON string in canonical form without
// escapes. ok is false for any other value.
func PlainText(value []byte) (s []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}
