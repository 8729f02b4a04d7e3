package chain

import (
	"bytes"
	"fmt"
	"io"
)

// blockSize is how much of a file is read at once, in bytes.
const blockSize = 256 << 10

// blocks reads a file from its beginning in blocks of whole lines. Only a line
// longer than the buffer given to next takes more memory than that buffer, and
// one longer than maxLine takes none.
type blocks struct {
	f    io.ReaderAt
	off  int64 // of the next block
	size int64 // where reading ends
}

// next returns the next block and its offset; io.EOF behind the last. Each line
// in it ends in a newline but, maybe, the file's last. The block is in buf, or
// in memory of its own. A *tooLong says that a line was passed over.
func (b *blocks) next(buf []byte) (block []byte, off int64, err error) {
	off = b.off
	if off >= b.size {
		return nil, off, io.EOF
	}
	buf = buf[:min(int64(len(buf)), b.size-off)]
	if err := readFull(b.f, buf, off); err != nil {
		return nil, off, err
	}
	if i := bytes.LastIndexByte(buf, '\n'); i >= 0 {
		b.off += int64(i) + 1
		return buf[:i+1], off, nil
	}
	end, ended, err := lineEnd(b.f, off+int64(len(buf)), b.size, buf)
	if err != nil {
		return nil, off, err
	}
	b.off = end
	if end-off > maxLine {
		return nil, off, &tooLong{off, end, ended}
	}
	if end == off+int64(len(buf)) {
		return buf, off, nil
	}
	block = make([]byte, end-off)
	return block, off, readFull(b.f, block, off)
}

// tooLong reports a line of more than maxLine bytes, at off, that ends before
// end, its newline, if it has one, included.
type tooLong struct {
	off, end int64
	ended    bool // by a newline
}

func (t *tooLong) Error() string {
	return fmt.Sprintf("a line of %d MiB; more than %d MiB are not read", (t.end-t.off)>>20, maxLine>>20)
}

// lineEnd finds the end of the line that goes on at off: the offset behind its
// newline, or size if there is none. scratch is overwritten.
func lineEnd(f io.ReaderAt, off, size int64, scratch []byte) (end int64, ended bool, err error) {
	scratch = scratch[:cap(scratch)]
	for off < size {
		part := scratch[:min(int64(len(scratch)), size-off)]
		if err := readFull(f, part, off); err != nil {
			return 0, false, err
		}
		if i := bytes.IndexByte(part, '\n'); i >= 0 {
			return off + int64(i) + 1, true, nil
		}
		off += int64(len(part))
	}
	return size, false, nil
}

// backLines reads a file's lines from its end. buf bounds what is read at once.
type backLines struct {
	f    io.ReaderAt
	end  int64 // offset behind the next line to return
	buf  []byte
	held []byte // the bytes of the file before end, as far as they are in buf
}

func newBackLines(f io.ReaderAt, size int64, chunk int) *backLines {
	return &backLines{f: f, end: size, buf: make([]byte, chunk)}
}

// prev returns the line before the one returned last, without its newline, and
// its offset; io.EOF before the first. ended is false for a last line with no
// newline behind it. The line is good until the next call. A *tooLong says that
// a line was passed over.
func (b *backLines) prev() (line []byte, off int64, ended bool, err error) {
	if b.end == 0 {
		return nil, 0, false, io.EOF
	}
	for {
		body := b.held
		ended = bytes.HasSuffix(body, []byte{'\n'})
		if ended {
			body = body[:len(body)-1]
		}
		i := bytes.LastIndexByte(body, '\n')
		if len(b.held) > 0 && (i >= 0 || int64(len(b.held)) == b.end) {
			line = body[i+1:]
			off = b.end - int64(len(b.held)-(i+1))
			b.held, b.end = b.held[:i+1], off
			return line, off, ended, nil
		}
		if len(b.held) == len(b.buf) {
			return b.long(ended)
		}
		// Nothing complete is held: read again so that the buffer ends at end.
		b.held = b.buf[:min(int64(len(b.buf)), b.end)]
		if err := readFull(b.f, b.held, b.end-int64(len(b.held))); err != nil {
			return nil, 0, false, err
		}
	}
}

// long is prev for a line that does not fit into the buffer, which it fills.
func (b *backLines) long(ended bool) (line []byte, off int64, _ bool, err error) {
	end := b.end
	for off = end - int64(len(b.buf)); off > 0; {
		part := b.buf[:min(int64(len(b.buf)), off)]
		if err := readFull(b.f, part, off-int64(len(part))); err != nil {
			return nil, 0, false, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			off -= int64(len(part) - (i + 1))
			break
		}
		off -= int64(len(part))
	}
	b.held, b.end = nil, off
	if end-off > maxLine {
		return nil, off, ended, &tooLong{off, end, ended}
	}
	line = make([]byte, end-off)
	if err := readFull(b.f, line, off); err != nil {
		return nil, 0, false, err
	}
	return bytes.TrimSuffix(line, []byte{'\n'}), off, ended, nil
}

// readFull fills p from offset off.
func readFull(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("read at byte %d: the file became shorter while it was read", off+int64(n))
	}
	return err
}
