package keys

import (
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/text"
)

// maxFile is the maximum length of a key file, in bytes. Real ones have about 400;
// an owner's name may be long.
const maxFile = 64 << 10

// readFile reads a small regular file, also through a symbolic link. It does not
// hang on a FIFO or a device, and does not read one.
func readFile(path string) ([]byte, fs.FileMode, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, &FileError{path, "not a regular file", "move it away"}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxFile {
		return nil, 0, &FileError{path, "too long for a key file (more than 64 KiB)", "move it away"}
	}
	return b, st.Mode().Perm(), nil
}

// object is the members of a JSON object, and the first error found. After an error
// its getters return zero values, so the caller gets all that it needs and checks
// reason once.
type object struct {
	member map[string]jsontext.Value
	reason string
}

func (o *object) fail(reason string) {
	if o.reason == "" {
		o.reason = reason
	}
}

// parseObject reads b, which must be one JSON object without duplicate names, in
// any encoding that text.Decode reads. Unknown members are ignored, because a later
// version may have them. But a member whose name differs from a known one only in
// case is an error: parsers that ignore case would confuse the two.
func parseObject(b []byte, known ...string) *object {
	o := &object{member: make(map[string]jsontext.Value)}
	b, err := text.Decode(b)
	if err != nil {
		o.fail(err.Error())
		return o
	}
	switch v := jsontext.Value(b); {
	case v.IsValid() && v.Kind() == '{':
	case v.IsValid():
		o.fail("not a JSON object")
		return o
	case v.IsValid(jsontext.AllowDuplicateNames(true)):
		o.fail("a member occurs twice")
		return o
	default:
		// The decoder's own message might quote the file.
		o.fail("not valid JSON")
		return o
	}
	d := jsontext.NewDecoder(bytes.NewReader(b))
	d.ReadToken()
	for d.PeekKind() == '"' {
		// No errors: IsValid has checked it.
		tok, _ := d.ReadToken()
		name := tok.String()
		value, _ := d.ReadValue()
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				o.fail("a member is spelled almost like " + strconv.Quote(k))
			}
		}
		o.member[name] = value.Clone()
	}
	return o
}

func (o *object) has(name string) bool { return o.member[name] != nil }

// str returns the member name, a string.
func (o *object) str(name string) string {
	v := o.member[name]
	if v == nil {
		o.fail(strconv.Quote(name) + " is missing")
		return ""
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if v.Kind() != '"' || err != nil {
		o.fail(strconv.Quote(name) + " is not a string")
		return ""
	}
	return string(s)
}

// is demands that the member name is the string want.
func (o *object) is(name, want string) {
	if o.str(name) != want {
		o.fail(strconv.Quote(name) + " is not " + strconv.Quote(want))
	}
}

// uint returns the member name, a plain integer below 2^32.
func (o *object) uint(name string) uint32 {
	v := o.member[name]
	if v == nil {
		o.fail(strconv.Quote(name) + " is missing")
		return 0
	}
	n, err := strconv.ParseUint(string(v), 10, 32)
	if err != nil {
		o.fail(strconv.Quote(name) + " is not a whole number in range")
	}
	return uint32(n)
}

// bytes returns the member name, size bytes in standard base64.
func (o *object) bytes(name string, size int) []byte {
	s := o.str(name)
	b, err := base64.StdEncoding.DecodeString(s)
	// The decoder accepts line breaks and stray bits; only one spelling is valid.
	if err != nil || len(b) != size || base64.StdEncoding.EncodeToString(b) != s {
		o.fail(strconv.Quote(name) + " is not " + strconv.Itoa(size) + " bytes in base64")
		return nil
	}
	return b
}

// object returns the member name, an object that has only these members.
func (o *object) object(name string, members ...string) *object {
	v := o.member[name]
	if v == nil {
		o.fail(strconv.Quote(name) + " is missing")
		return &object{}
	}
	in := parseObject(v, members...)
	if in.reason != "" {
		o.fail(strconv.Quote(name) + ": " + in.reason)
	}
	if len(in.member) > len(members) {
		o.fail(strconv.Quote(name) + " has an unknown member")
	}
	return in
}
