package mcpwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// chunks gives out data in pieces of the given sizes, over and over. At the
// end it may give the error with the last bytes, as io.Reader allows.
type chunks struct {
	data  []byte
	sizes []byte // 0: a read of nothing
	next  int
	early bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := len(c.data)
	if len(c.sizes) > 0 {
		n = int(c.sizes[c.next%len(c.sizes)])
		if c.next++; n == 0 && c.next%100 == 0 {
			n = 1
		}
	}
	n = copy(p[:min(n, len(p))], c.data)
	if c.data = c.data[n:]; len(c.data) == 0 && c.early {
		return n, io.EOF
	}
	return n, nil
}

// readLines is all that comes out of data, with copies of the bytes.
func readLines(r io.Reader, max int) (all []Line, err error) {
	l := NewLineReader(r, max)
	var some []Line
	for err == nil {
		some, err = l.More(some[:0])
		for _, m := range some {
			m.Header, m.Bytes = bytes.Clone(m.Header), bytes.Clone(m.Bytes)
			all = append(all, m)
		}
	}
	return all, err
}

// checkLines holds what comes out of data against it: not a byte is lost,
// added or changed, and nothing that is longer than max is held.
func checkLines(data, sizes []byte, max int, early bool) error {
	all, err := readLines(&chunks{data: data, sizes: sizes, early: early}, max)
	if err != io.EOF {
		return err
	}
	rest := data
	for i, m := range all {
		got := len(m.Header) + m.Length
		if got > len(rest) {
			return fmt.Errorf("message %d has %d bytes, and only %d are left", i, got, len(rest))
		}
		piece := rest[:got]
		rest = rest[got:]
		if !bytes.HasPrefix(piece, m.Header) {
			return fmt.Errorf("message %d: header %q, but there stood %q", i, m.Header, piece)
		}
		body := piece[len(m.Header):]
		content := len(body)
		if m.Header == nil {
			content = len(bytes.TrimSuffix(body, []byte("\n")))
		}
		switch {
		case m.TooLong && m.Bytes != nil:
			return fmt.Errorf("message %d is too long and yet there", i)
		case m.TooLong && content <= max && len(rest) > 0:
			return fmt.Errorf("message %d, %q, is not longer than %d", i, piece, max)
		case m.TooLong:
		case !bytes.Equal(m.Bytes, body):
			return fmt.Errorf("message %d is %q, but there stood %q", i, m.Bytes, body)
		case content > max && (m.Header != nil || !maybeHeader(body)), content > max+maxHeader:
			return fmt.Errorf("message %d has %d bytes, more than %d", i, content, max)
		}
		if m.Header == nil && !maybeHeader(piece) {
			if n := bytes.IndexByte(piece, '\n') + 1; n != len(piece) && (n > 0 || len(rest) > 0) {
				return fmt.Errorf("line %d is cut at the wrong place: %q", i, piece)
			}
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%q is lost", rest)
	}
	return nil
}

// maybeHeader says whether b begins as a header with Content-Length does,
// which is another way to end a message than a newline.
func maybeHeader(b []byte) bool { return len(b) > 0 && b[0]|0x20 == 'c' }

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\n\nb\x00\n"), []byte{1, 0, 3}, uint16(2), true)
	f.Add([]byte("Content-Length: 3\r\n\r\nabcContent-Length: 0\n\n{}\n"), []byte{7}, uint16(100), false)
	f.Add([]byte("Content-Length: 9\r\n\r\nabc"), []byte{}, uint16(4), true)
	f.Add([]byte("content-type: x\ncontent-length: 2\n\nabcd\n"), []byte{5}, uint16(10), false)
	f.Add([]byte(`{"id":1,"method":"tools/call"}`+"\n"), []byte{2}, uint16(10), false)
	f.Fuzz(func(t *testing.T, data, sizes []byte, max uint16, early bool) {
		if err := checkLines(data, sizes, int(max), early); err != nil {
			t.Error(err)
		}
	})
}

// TestLinesRandom is a fixed run of what FuzzLines does.
func TestLinesRandom(t *testing.T) {
	t.Parallel()
	pieces := []string{"\n", "\n", "\r\n", "\r", "a", "{}", "{\"id\":1}", "\x00", "\xff", "x: y\n", "content-type: x\r\n",
		"Content-Length: 0\r\n\r\n", "Content-Length: 3\r\n\r\n", "Content-Length: 70\n\n", "content-length: 5\r\nA-b: c\r\n\r\n", strings.Repeat("long", 40), "c", "Content-"}
	random := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		var data []byte
		for range random.IntN(12) {
			data = append(data, pieces[random.IntN(len(pieces))]...)
		}
		sizes := make([]byte, random.IntN(4))
		for i := range sizes {
			sizes[i] = byte(random.IntN(40))
		}
		max := random.IntN(60)
		if err := checkLines(data, sizes, max, random.IntN(2) == 0); err != nil {
			t.Fatalf("%q in pieces of %v, max %d: %v", data, sizes, max, err)
		}
	}
}

// TestLines: what comes out, however it comes in. A line too long is written
// as its length and id.
func TestLines(t *testing.T) {
	const max = 20
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"lines", "a\nbc\n", []string{"a\n", "bc\n"}},
		{"empty lines", "\n\n\r\n", []string{"\n", "\n", "\r\n"}},
		{"no last newline", "a\nb", []string{"a\n", "b"}},
		{"CR is no end", "a\rb\r\n", []string{"a\rb\r\n"}},
		{"NUL", "\x00\n\x00", []string{"\x00\n", "\x00"}},
		{"as long as may be", strings.Repeat("x", max) + "\n" + strings.Repeat("y", max), []string{strings.Repeat("x", max) + "\n", strings.Repeat("y", max)}},
		{"longer", strings.Repeat("x", max+1) + "\ny\n", []string{"(22, )", "y\n"}},
		{"longer, no newline", "y\n" + strings.Repeat("x", max+1), []string{"y\n", "(21, )"}},
		{"much longer", strings.Repeat("x", 200_000) + "\ny\n", []string{"(200001, )", "y\n"}},
		{"id first", `{"id":7,"x":"` + strings.Repeat("x", 70_000) + "\"}\ny\n", []string{"(70016, 7)", "y\n"}},
		{"id last", `{"x":"` + strings.Repeat("x", 200_000) + `","id":"a"}` + "\ny\n", []string{`(200018, "a")`, "y\n"}},
		{"id last, spaces", `{"x":"` + strings.Repeat("x", 70_000) + `", "id" : -1.5e3 }` + "\ny\n", []string{`(70025, -1.5e3)`, "y\n"}},
		{"id inside", `{"x":{"id":1},"y":["id",{"id":2}],"z":"id","id":null}` + "\n", []string{`(54, )`}},
		{"id in a string", `{"x":"\",\"id\":1,","id":"2"}` + "\n", []string{`(30, "2")`}},
		{"a response", `{"id":1,"result":{"method":"x"}}` + "\n", []string{`(33, )`}},
		{"an error", `{"error":{"a":1},"id":1}` + "\n", []string{`(25, )`}},
		{"a request with a result", `{"id":1,"result":{},"method":"x"}` + "\n", []string{`(34, 1)`}},
		{"a batch", `[{"id":1,"method":"tools/call"}]` + "\n", []string{`(33, )`}},
		{"an id too long", `{"id":"` + strings.Repeat("x", maxEchoedID) + `","method":"x"}` + "\n", []string{`(1047, )`}},
		{"frame", "Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\nabc", []string{"[Content-Length: 2\r\n\r\n]{}", "[Content-Length: 3\r\n\r\n]abc"}},
		{"frame and line", "a\nContent-Length: 2\n\n{}a\n", []string{"a\n", "[Content-Length: 2\n\n]{}", "a\n"}},
		{"frame with newlines", "Content-Length: 4\r\n\r\na\nb\nc\n", []string{"[Content-Length: 4\r\n\r\n]a\nb\n", "c\n"}},
		{"frame, empty", "Content-Length: 0\r\n\r\nc\n", []string{"[Content-Length: 0\r\n\r\n]", "c\n"}},
		{"frame, cut", "Content-Length: 9\r\n\r\nabc", []string{"Content-Length: 9\r\n\r\nabc"}},
		{"header, cut", "Content-Len", []string{"Content-Len"}},
		{"no header", "content\nContent-Length\nContent-Length: x\r\n\r\n", []string{"content\n", "Content-Length\n", "Content-Length: x\r\n", "\r\n"}},
		{"two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", []string{"Content-Length: 1\r\n", "Content-Length: 2\r\n\r\n"}},
		{"no length", "Content-Type: x\r\n\r\na\n", []string{"Content-Type: x\r\n", "\r\n", "a\n"}},
		{"length with a sign", "Content-Length: +1\r\n\r\na\n", []string{"Content-Length: +1\r\n", "\r\n", "a\n"}},
		{"frame too long", "Content-Length: 5000\r\n\r\n{\"id\":3,\"x\":\"" + strings.Repeat("x", 4985) + "\"}y\n", []string{"[Content-Length: 5000\r\n\r\n](5000, 3)", "y\n"}},
	} {
		for _, how := range []struct {
			name string
			r    io.Reader
		}{
			{"at once", strings.NewReader(c.in)},
			{"at once, with the end", iotest.DataErrReader(strings.NewReader(c.in))},
			{"byte by byte", iotest.OneByteReader(strings.NewReader(c.in))},
			{"in halves", iotest.HalfReader(strings.NewReader(c.in))},
		} {
			all, err := readLines(how.r, max)
			var got []string
			for _, m := range all {
				s := string(m.Bytes)
				if m.TooLong {
					s = fmt.Sprintf("(%d, %s)", m.Length, m.ID)
				}
				if m.Header != nil {
					s = "[" + string(m.Header) + "]" + s
				}
				got = append(got, s)
			}
			if err != io.EOF || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("%s, %s: %.300q, %v; want %.300q", c.name, how.name, got, err, c.want)
			}
		}
	}
}

// TestLinesTogether: lines that are there together come out together, so that
// they can share a sync, and one that has begun does not hold them up.
func TestLinesTogether(t *testing.T) {
	l := NewLineReader(strings.NewReader("a\nb\nc\nd"), 10)
	if some, err := l.More(nil); len(some) != 3 || err != nil {
		t.Errorf("got %d lines, %v; want 3", len(some), err)
	}
	if some, err := l.More(nil); len(some) != 1 || err != nil {
		t.Errorf("got %d lines, %v; want the last one", len(some), err)
	}
	if some, err := l.More(nil); len(some) != 0 || err != io.EOF {
		t.Errorf("got %d lines, %v; want the end", len(some), err)
	}
}

// TestLinesError: an error of the reader comes after what was read before.
func TestLinesError(t *testing.T) {
	broken := errors.New("broken")
	all, err := readLines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 10)
	if len(all) != 2 || string(all[1].Bytes) != "b" || err != broken {
		t.Errorf("got %d lines, %v", len(all), err)
	}
}

// TestLinesMemory: a long line does not keep its memory once it is gone, and
// one that is dropped never gets any.
func TestLinesMemory(t *testing.T) {
	const max = 1 << 20
	long := func(n int) string { return strings.Repeat("x", n) + "\n" }
	l := NewLineReader(iotest.HalfReader(strings.NewReader(long(max)+strings.Repeat("a\n", ReadSize)+long(20*max)+strings.Repeat("b\n", ReadSize))), max)
	var some []Line
	var err error
	for quiet := 0; err == nil; {
		if some, err = l.More(some[:0]); err != nil {
			break
		}
		if limit := 2*max + 4*ReadSize; len(l.buf) > limit {
			t.Errorf("a buffer of %d bytes, more than %d", len(l.buf), limit)
		}
		if quiet++; some[len(some)-1].Length > 10 {
			quiet = 0
		}
		if quiet > 1 && len(l.buf) > 4*ReadSize {
			t.Errorf("after a long line a buffer of %d bytes", len(l.buf))
		}
	}
}
