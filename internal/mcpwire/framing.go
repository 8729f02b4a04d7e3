package mcpwire

import (
	"bytes"
	"strconv"
)

// MCP over stdio has one message on a line. When a server does not respond in time,
// Cline tries the framing of LSP: a header with Content-Length, an empty line, and
// a body without a line end. Such a message goes through the gate and is recorded
// like a line. If a receipt is inserted, the length in the header is changed.

// maxHeader is the maximum length of a header block, in bytes. Real ones have 20 to
// 100.
const maxHeader = 4096

// framing is what parseHeader finds at the start of a message.
type framing int

const (
	isLine  framing = iota // no header: the message is a line
	unclear                // too little to tell: read more
	IsFrame                // a whole header block
)

// ParseHeader looks for a header block at the start of b, and returns the sizes of
// the block and of the body after it, in bytes. Anything that is not clearly a
// header is a line.
func ParseHeader(b []byte) (header, body int, f framing) {
	if len(b) == 0 || b[0]|0x20 != 'c' {
		return 0, 0, isLine
	}
	body = -1
	for {
		i := bytes.IndexByte(b[header:], '\n')
		if i < 0 {
			// The CR of an empty line may have come without its newline.
			if len(b) > maxHeader || !headerStart(bytes.TrimSuffix(b[header:], []byte("\r"))) {
				return 0, 0, isLine
			}
			return 0, 0, unclear
		}
		l := bytes.TrimRight(b[header:header+i], "\r")
		header += i + 1
		if len(l) == 0 {
			if body < 0 {
				return 0, 0, isLine
			}
			return header, body, IsFrame
		}
		length, ok := headerLine(l)
		if !ok || header > maxHeader || length >= 0 && body >= 0 {
			return 0, 0, isLine
		}
		body = max(body, length)
	}
}

// headerLine reads one line of a header block. length is the Content-Length, or -1
// for another field. ok is false if it is not a field.
func headerLine(l []byte) (length int, ok bool) {
	name, value, found := bytes.Cut(l, []byte(":"))
	if !found || !headerStart(name) || len(name) == 0 {
		return 0, false
	}
	if !bytes.EqualFold(name, []byte("content-length")) {
		return -1, true
	}
	digits := bytes.Trim(value, " \t")
	if len(digits) > 10 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(digits))
	return n, err == nil
}

// headerStart says whether b may be the start of a header line: a name of letters
// and hyphens, then, after a colon, anything.
func headerStart(b []byte) bool {
	for _, c := range b {
		if c == ':' {
			return true
		}
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' {
			return false
		}
	}
	return true
}

// withLength returns the header block with another Content-Length.
func withLength(header []byte, length int) []byte {
	out := make([]byte, 0, len(header)+4)
	for l := range bytes.Lines(header) {
		if n, ok := headerLine(bytes.TrimRight(l, "\r\n")); ok && n >= 0 {
			name, value, _ := bytes.Cut(l, []byte(":"))
			digits := bytes.TrimLeft(value, " \t")
			out = append(out, name...)
			out = append(out, ':')
			out = append(out, value[:len(value)-len(digits)]...)
			out = strconv.AppendInt(out, int64(length), 10)
			out = append(out, bytes.TrimLeft(digits, "0123456789")...)
			continue
		}
		out = append(out, l...)
	}
	return out
}

// A Boundary follows the server's output, to know where a message ends and one of
// ours may be inserted. It keeps only the line of a header.
type Boundary struct {
	Mid      bool // the last byte was inside a message
	NoFrames bool // all are lines, whatever they say

	body   int    // Bytes still to come of a body
	header bool   // inside a header block
	length int    // its Content-Length so far, or -1
	line   []byte // the current line, if it may be of a header
}

// Next takes bytes of p up to the end of a line, a header line or a body, and
// returns how many. len(p) must not be 0.
func (b *Boundary) Next(p []byte) int {
	if b.body > 0 {
		n := min(b.body, len(p))
		b.body -= n
		b.Mid = b.body > 0
		return n
	}
	n := bytes.IndexByte(p, '\n') + 1
	whole := n > 0
	if !whole {
		n = len(p)
	}
	if !b.NoFrames && (b.header || !b.Mid && p[0]|0x20 == 'c' || len(b.line) > 0) {
		b.line = append(b.line, p[:min(n, maxHeader-len(b.line))]...)
	}
	b.Mid = true
	if whole {
		b.endLine()
	}
	return n
}

// endLine handles a newline.
func (b *Boundary) endLine() {
	l := bytes.TrimRight(b.line, "\r\n")
	b.line = b.line[:0]
	if b.header && len(l) == 0 {
		b.header = false
		b.body = max(b.length, 0)
		b.Mid = b.body > 0
		return
	}
	if !b.header {
		b.length = -1
	}
	length, ok := headerLine(l)
	b.header = ok && (b.header || length >= 0)
	b.length = max(b.length, length)
	b.Mid = b.header
}
