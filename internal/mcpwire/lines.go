package mcpwire

import (
	"bytes"
	"io"
	"runtime/debug"
	"time"
)

// A LineReader cuts a stream into messages of up to max bytes, each a line or a
// frame with Content-Length. There is no other limit, and no byte is lost: CR LF,
// empty lines and a last line without its newline are returned unchanged.
type LineReader struct {
	r   io.Reader
	Max int

	buf     []byte // buf[start:end] is read and not yet given out
	start   int
	end     int
	scanned int // buf[start:scanned] holds no newline
	most    int // the largest end since buf had its first size
	hint    int // what most was before buf had its first size again
	err     error

	release *time.Timer // gives the memory of long lines back; nil: there were none

	// The message at start; for a frame, the sizes of its parts in bytes.
	next         framing
	header, body int
}

// ReadSize is how many bytes one read asks for. On Linux a pipe holds 64 KiB.
const ReadSize = 64 << 10

// A Line is one message from the client.
type Line struct {
	Header  []byte // of a frame; nil: it is a line
	Bytes   []byte // the line with its newline, or the frame's body; valid until the next call of more
	TooLong bool   // it was longer than max: bytes is nil, and it is gone
	Length  int    // in bytes
	ID      string // of a line too long: its id, if one was found
}

func NewLineReader(r io.Reader, max int) *LineReader {
	return &LineReader{r: r, Max: max, buf: make([]byte, ReadSize)}
}

// More waits until at least one line is complete and appends all complete lines to
// into, so that they can share one sync. At the end of the stream it returns the
// rest, then io.EOF.
func (l *LineReader) More(into []Line) ([]Line, error) {
	// The caller is done with the lines returned before: their space is free.
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.scanned -= l.start
		l.start = 0
	}
	if l.end < ReadSize && len(l.buf) > 4*ReadSize {
		// A long line should not keep its memory forever. But the next one may be
		// as long, and the buffer should not grow to it step by step.
		l.hint, l.most = l.most, 0
		clear(into[:cap(into)])
		l.releaseLater()
		l.buf = append(make([]byte, 0, ReadSize), l.buf[:l.end]...)[:ReadSize]
	}
	for {
		if into = l.cut(into); len(into) > 0 {
			return into, nil
		}
		if l.next == IsFrame && l.body > l.Max || l.next == isLine && l.end-l.start > l.Max {
			return append(into, l.drop()), nil
		}
		if l.err != nil {
			if l.end > l.start {
				into = append(into, Line{Bytes: l.buf[l.start:l.end], Length: l.end - l.start})
				l.start, l.scanned = l.end, l.end
				return into, nil
			}
			return into, l.err
		}
		l.fill()
	}
}

// releaseAfter is how long the memory of long lines is kept for the next ones.
const releaseAfter = 5 * time.Second

// releaseLater returns memory to the system, which would take minutes otherwise: a
// server that was sent one file should not look large for the rest of the day.
func (l *LineReader) releaseLater() {
	if l.release == nil {
		l.release = time.AfterFunc(releaseAfter, debug.FreeOSMemory)
	} else {
		l.release.Reset(releaseAfter)
	}
}

// cut appends the complete messages in the buffer to into.
func (l *LineReader) cut(into []Line) []Line {
	for l.next = isLine; l.start < l.end; {
		l.header, l.body, l.next = ParseHeader(l.buf[l.start:l.end])
		switch size := l.header + l.body; {
		case l.next == unclear, l.next == IsFrame && (l.body > l.Max || size > l.end-l.start):
			return into
		case l.next == IsFrame:
			m := l.buf[l.start : l.start+size : l.start+size]
			into = append(into, Line{Header: m[:l.header:l.header], Bytes: m[l.header:], Length: l.body})
			l.start += size
			l.scanned = l.start
			continue
		}
		i := bytes.IndexByte(l.buf[l.scanned:l.end], '\n')
		if i < 0 {
			l.scanned = l.end
			return into
		}
		stop := l.scanned + i + 1
		if n := stop - l.start; n > l.Max+1 {
			into = append(into, l.tooLong(l.buf[l.start:stop]))
		} else {
			into = append(into, Line{Bytes: l.buf[l.start:stop:stop], Length: n})
		}
		l.start, l.scanned = stop, stop
	}
	return into
}

// fill reads once, and makes room for it. It is called only while no line of buf is
// in use, so the buffer may move. It grows in few steps, because each one copies
// its contents; unused memory takes no space.
func (l *LineReader) fill() {
	if l.end == len(l.buf) {
		size := min(max(4*len(l.buf), l.hint+ReadSize), l.Max+2*ReadSize)
		l.buf = append(make([]byte, 0, size), l.buf[:l.end]...)[:size]
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.most = max(l.most, l.end)
	l.err = err
}

func (l *LineReader) tooLong(b []byte) Line {
	var f idFinder
	f.Write(b)
	return Line{TooLong: true, Length: len(b), ID: f.id()}
}

// drop reads to the end of a message that is longer than max. It keeps only its id.
func (l *LineReader) drop() Line {
	var f idFinder
	d := Line{TooLong: true}
	if l.next == IsFrame {
		d.Header = bytes.Clone(l.buf[l.start : l.start+l.header])
		l.start += l.header
	}
	for {
		piece := l.buf[l.start:l.end]
		whole := false
		if left := l.body - d.Length; l.next == IsFrame && len(piece) >= left {
			whole = true
			piece = piece[:left]
		} else if i := bytes.IndexByte(piece, '\n'); l.next == isLine && i >= 0 {
			whole = true
			piece = piece[:i+1]
		}
		f.Write(piece)
		d.Length += len(piece)
		l.start += len(piece)
		l.scanned = l.start
		if whole || l.err != nil {
			d.ID = f.id()
			return d
		}
		l.start, l.end, l.scanned = 0, 0, 0
		l.fill()
	}
}
