package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json/jsontext"
)

// A cursor goes through the members of an object in canonical form, which has
// no white space and nothing left to check. It does not allocate.
type cursor struct {
	b []byte // the object
	i int    // index of the brace or comma behind the current member

	name  []byte // without quotes, as it is escaped
	value []byte
	at    int // index of the first byte of the member in the object
}

// next goes to the next member and reports whether there is one.
func (c *cursor) next() bool {
	c.at = c.i + 1
	if c.at >= len(c.b) || c.b[c.at] != '"' {
		return false // behind the last, or in front of "}"
	}
	end := skipString(c.b, c.at)
	c.name = c.b[c.at+1 : end-1]
	c.i = skipValue(c.b, end+1)
	c.value = c.b[end+1 : c.i]
	return true
}

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// elements splits an array in canonical form; ok is false if it is none, or has
// more than limit elements.
func elements(array []byte, limit int) (list [][]byte, ok bool) {
	if len(array) == 0 || array[0] != '[' {
		return nil, false
	}
	for i := 1; array[i-1] != ']' && array[i] != ']'; i++ {
		if len(list) == limit {
			return nil, false
		}
		end := skipValue(array, i)
		list = append(list, array[i:end])
		i = end
	}
	return list, true
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

// skipString returns the index behind the string whose first quote is b[i].
func skipString(b []byte, i int) int {
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

// text decodes a JSON string in canonical form.
func text(value []byte) (s string, ok bool) {
	if b, ok := plain(value); ok {
		return string(b), true
	}
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, value)
	return string(b), err == nil
}

// plain returns what stands between the quotes of a JSON string that has no
// escapes.
func plain(value []byte) (s []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// hashBase64 returns H of what b64 encodes, a piece at a time, so as not to hold
// the megabytes that params_raw may have.
func hashBase64(b64 []byte) (hash string, ok bool) {
	const piece = 4096 // a multiple of 4
	var buf [piece / 4 * 3]byte
	h := sha256.New()
	for len(b64) > 0 {
		n := min(piece, len(b64))
		decoded, err := base64Strict.Decode(buf[:], b64[:n])
		if err != nil || n < len(b64) && decoded < len(buf) { // padding in the middle
			return "", false
		}
		h.Write(buf[:decoded])
		b64 = b64[n:]
	}
	return hashPrefix + hex.EncodeToString(h.Sum(nil)), true
}

const hashPrefix = "sha256:"

func isHash(s string) bool {
	if len(s) != len(hashPrefix)+2*sha256.Size || s[:len(hashPrefix)] != hashPrefix {
		return false
	}
	for _, c := range []byte(s[len(hashPrefix):]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
