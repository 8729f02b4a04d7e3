package sign

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// A cursor goes through the members of an object in canonical form, which has
// no white space and nothing left to check. It does not allocate.
type cursor struct {
	b []byte // the object
	i int    // index of the brace or comma before the next member
}

// next returns the next member, its name without quotes and as it is escaped,
// its value, and the index of its first byte in the object.
func (c *cursor) next() (name, value []byte, at int, ok bool) {
	if c.i+1 >= len(c.b) || c.b[c.i+1] != '"' {
		return nil, nil, 0, false // the end: "}"
	}
	at = c.i + 1
	end := skipValue(c.b, at)
	name = c.b[at+1 : end-1]
	c.i = skipValue(c.b, end+1)
	return name, c.b[end+1 : c.i], at, true
}

// elements calls f for each element of an array in canonical form.
func elements(array []byte, f func(value []byte) error) error {
	for i := 1; i < len(array) && array[i] != ']'; {
		end := skipValue(array, i)
		if err := f(array[i:end]); err != nil {
			return err
		}
		i = end + 1
	}
	return nil
}

// skipValue returns the index behind the value that begins at b[i].
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // behind a literal or number
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

// skipString returns the index behind the string whose quote is b[i].
func skipString(b []byte, i int) int {
	for i++; ; i++ {
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

// text decodes a JSON string in canonical form.
func text(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	b, err := jsontext.AppendUnquote(nil, value)
	return string(b), err == nil
}

// plain returns what stands between the quotes of a JSON string without
// escapes.
func plain(value []byte) (s []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}
