package text

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"", "", ""},
		{"plain\r\nä", "plain\r\nä", ""},
		{"\xef\xbb\xbfmark", "mark", ""},
		{"\xff\xfe", "", ""},
		{"\xff\xfea\x00\xe4\x00", "aä", ""},
		{"\xfe\xff\x00a\x00\xe4", "aä", ""},
		{"\xff\xfe\x3d\xd8\x00\xde", "\U0001f600", ""},
		{"\xfc bytes that are not UTF-8 stay", "\xfc bytes that are not UTF-8 stay", ""},
		{"x", "x", ""},
		{"\x00", "\x00", ""},
		{"\xff\xfea\x00b", "", "UTF-16, and ends"},
		{"\xff\xfe\x3d\xd8a\x00", "", "half a surrogate"},
		{"\xff\xfe\x00\x00a\x00\x00\x00", "", "UTF-32"},
		{"\x00\x00\xfe\xff\x00\x00\x00a", "", "UTF-32"},
		{"{\x00}\x00", "", "UTF-16 without"},
		{"\x00{\x00}", "", "UTF-16 without"},
	} {
		got, err := Decode([]byte(c.in))
		streamed, rerr := decodeStream(c.in)
		for _, got := range []struct {
			text []byte
			err  error
		}{{got, err}, {streamed, rerr}} {
			switch {
			case c.err == "" && (got.err != nil || string(got.text) != c.want):
				t.Errorf("%q: %q, %v; want %q", c.in, got.text, got.err, c.want)
			case c.err != "" && (got.err == nil || !strings.Contains(got.err.Error(), c.err)):
				t.Errorf("%q: %v, want an error with %q", c.in, got.err, c.err)
			}
		}
	}
}

// decodeStream is Decode by NewReader, a byte at a time.
func decodeStream(in string) ([]byte, error) {
	r, err := NewReader(bufio.NewReader(iotest.OneByteReader(strings.NewReader(in))))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(iotest.OneByteReader(r))
}
