package wrap

import (
	"bytes"
	"io"
)

// lineReader cuts a stream into lines of up to max bytes, without any other
// limit and without losing a byte: CR LF, empty lines and a last line without
// its newline come out as they went in.
type lineReader struct {
	r   io.Reader
	max int

	buf     []byte // buf[start:end] is read and not yet given out
	start   int
	end     int
	scanned int // buf[start:scanned] holds no newline
	err     error
}

// readSize is how many bytes one read asks for. A pipe holds 64 KiB on Linux.
const readSize = 64 << 10

// line is what the client sent, up to and with a newline.
type line struct {
	bytes   []byte // valid until the next call of more
	tooLong bool   // it was longer than max: bytes is nil, and it is gone
	length  int64  // in bytes
	id      string // of a line too long: its id, if one was found
}

func newLineReader(r io.Reader, max int) *lineReader {
	return &lineReader{r: r, max: max, buf: make([]byte, readSize)}
}

// more waits until at least one line is there and appends to into all that
// are, so that they can share one sync. At the end of the stream it returns
// what is left, then io.EOF.
func (l *lineReader) more(into []line) ([]line, error) {
	// The lines given out before are done with: their space is free.
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.scanned -= l.start
		l.start = 0
	}
	if l.end < readSize && len(l.buf) > 4*readSize {
		// One long line should not keep its memory for good.
		l.buf = append(make([]byte, 0, readSize), l.buf[:l.end]...)[:readSize]
	}
	for {
		if into = l.cut(into); len(into) > 0 {
			return into, nil
		}
		if l.err != nil {
			if l.end > l.start {
				into = append(into, line{bytes: l.buf[l.start:l.end], length: int64(l.end - l.start)})
				l.start, l.scanned = l.end, l.end
				return into, nil
			}
			return into, l.err
		}
		if l.end-l.start > l.max {
			return append(into, l.drop()), nil
		}
		l.fill()
	}
}

// cut appends the whole lines in the buffer to into.
func (l *lineReader) cut(into []line) []line {
	for l.scanned < l.end {
		i := bytes.IndexByte(l.buf[l.scanned:l.end], '\n')
		if i < 0 {
			l.scanned = l.end
			break
		}
		stop := l.scanned + i + 1
		if n := stop - l.start; n > l.max+1 {
			into = append(into, l.tooLong(l.buf[l.start:stop]))
		} else {
			into = append(into, line{bytes: l.buf[l.start:stop:stop], length: int64(n)})
		}
		l.start, l.scanned = stop, stop
	}
	return into
}

// fill reads once, with room made for it. It is called only while buf[0:] is
// not lent out, so the buffer may move.
func (l *lineReader) fill() {
	if l.end == len(l.buf) {
		size := min(2*len(l.buf), l.max+readSize)
		l.buf = append(make([]byte, 0, size), l.buf[:l.end]...)[:size]
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
}

func (l *lineReader) tooLong(b []byte) line {
	var f idFinder
	f.Write(b)
	return line{tooLong: true, length: int64(len(b)), id: f.id()}
}

// drop reads on to the end of a line that is longer than max, keeping only
// its id.
func (l *lineReader) drop() line {
	var f idFinder
	d := line{tooLong: true}
	for {
		piece := l.buf[l.start:l.end]
		i := bytes.IndexByte(piece, '\n')
		if i >= 0 {
			piece = piece[:i+1]
		}
		f.Write(piece)
		d.length += int64(len(piece))
		l.start += len(piece)
		l.scanned = l.start
		if i >= 0 || l.err != nil {
			d.id = f.id()
			return d
		}
		l.start, l.end, l.scanned = 0, 0, 0
		l.fill()
	}
}
