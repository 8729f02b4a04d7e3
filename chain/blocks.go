package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// blockSize is how much of a file is read at once, in bytes.
const blockSize = 256 << 10

// maxSearch is how far the end of a line that is too long is searched for, in
// bytes. The rest of its file is not read: a sparse file can have terabytes.
const maxSearch = 1 << 30

// blocks reads a file forward in blocks of whole lines. It uses the buffer given to
// next. A line longer than the buffer gets memory of its own, and one longer than
// maxLine is skipped.
type blocks struct {
	f    io.ReaderAt
	off  int64 // of the next block
	size int64 // where reading ends
}

// next returns the next block and its offset; io.EOF after the last. Each line in
// it ends in a newline, except perhaps the file's last. The block is in buf, or in
// memory of its own. A *tooLong says that a line was skipped.
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
	if h, ok := b.f.(holder); ok {
		h.hold(off)
		defer h.hold(-1)
	}
	end, ended, err := lineEnd(b.f, off+int64(len(buf)), min(b.size, off+maxSearch), buf)
	if err != nil {
		return nil, off, err
	}
	if !ended && end < b.size {
		b.off = b.size
		return nil, off, &tooLong{off: off, end: b.size, ended: true, beyond: true}
	}
	if end-off > maxLine {
		b.off = end
		return nil, off, &tooLong{off: off, end: end, ended: ended}
	}
	block = buf
	if end > off+int64(len(buf)) {
		block = make([]byte, end-off)
		if err := readFull(b.f, block, off); err != nil {
			return nil, off, err
		}
	}
	b.off = end
	return block, off, nil
}

// tooLong is the error for a line of more than maxLine bytes. It begins at off and
// ends before end, its newline included if there is one.
type tooLong struct {
	off, end int64
	ended    bool  // by a newline
	beyond   bool  // by maxSearch: more lines may be before end, which are not read
	why      error // instead: why a compressed file could not be read from off on
}

func (t *tooLong) Error() string {
	if t.why != nil {
		return damaged(t.why).Error()
	}
	if t.beyond {
		return fmt.Sprintf("a line of more than %d MiB: %d MiB of the file are not read", maxSearch>>20, (t.end-t.off)>>20)
	}
	return fmt.Sprintf("a line of %d MiB; more than %d MiB are not read", (t.end-t.off)>>20, maxLine>>20)
}

// lineEnd finds the end of the line that continues at off: the offset after its
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

// backBlocks reads a file backward in blocks of whole lines, with the limits of
// blocks.
type backBlocks struct {
	f   io.ReaderAt
	end int64 // offset after the next block

	// search is how far the beginning of a line that is too long is searched for,
	// like maxSearch. 0: to the file's beginning.
	search int64
}

// prev returns the block before the last returned one, and its offset; io.EOF
// before the first. Each line in it ends in a newline, except perhaps the file's
// last. The block is in buf, or in memory of its own. A *tooLong says that a line
// was skipped.
func (b *backBlocks) prev(buf []byte) (block []byte, off int64, err error) {
	end := b.end
	if end == 0 {
		return nil, 0, io.EOF
	}
	buf = buf[:min(int64(len(buf)), end)]
	off = end - int64(len(buf))
	if err := readFull(b.f, buf, off); err != nil {
		return nil, off, err
	}
	if off == 0 {
		b.end = 0
		return buf, 0, nil
	}
	// The bytes before the first newline are a whole line or the end of one.
	// They are read again with the block before.
	if i := bytes.IndexByte(buf, '\n') + 1; 0 < i && i < len(buf) {
		b.end = off + int64(i)
		return buf[i:], b.end, nil
	}
	ended := buf[len(buf)-1] == '\n'
	least := int64(0)
	if b.search > 0 {
		least = max(end-b.search, 0)
	}
	if off, err = lineStart(b.f, off, least, buf); err != nil {
		return nil, off, err
	}
	if off == least && off > 0 {
		b.end = 0
		return nil, 0, &tooLong{end: end, ended: true, beyond: true}
	}
	if end-off > maxLine {
		b.end = off
		return nil, off, &tooLong{off: off, end: end, ended: ended}
	}
	block = make([]byte, end-off)
	if err := readFull(b.f, block, off); err != nil {
		return nil, off, err
	}
	b.end = off
	return block, off, nil
}

// lineStart finds the beginning of the line that has the byte before off, unless
// that byte is a newline. It returns least if the line begins there or before.
// scratch is overwritten.
func lineStart(f io.ReaderAt, off, least int64, scratch []byte) (int64, error) {
	for off > least {
		part := scratch[:min(int64(len(scratch)), off-least)]
		if err := readFull(f, part, off-int64(len(part))); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return off - int64(len(part)-(i+1)), nil
		}
		off -= int64(len(part))
	}
	return least, nil
}

// backLines reads the lines of a file backward. The length of buf is how much is
// read at once.
type backLines struct {
	blocks backBlocks
	buf    []byte
	held   []byte // lines of a block that are not returned yet
	off    int64  // of held
}

func newBackLines(f io.ReaderAt, size int64, chunk int) *backLines {
	return &backLines{blocks: backBlocks{f: f, end: size}, buf: make([]byte, chunk)}
}

// prev returns the line before the last returned one, without its newline, and its
// offset; io.EOF before the first. ended is false for a last line without a
// newline. The line is valid until the next call. A *tooLong says that a line was
// skipped.
func (b *backLines) prev() (line []byte, off int64, ended bool, err error) {
	if len(b.held) == 0 {
		if b.held, b.off, err = b.blocks.prev(b.buf); err != nil {
			var long *tooLong
			ended = errors.As(err, &long) && long.ended
			return nil, b.off, ended, err
		}
	}
	body, ended := bytes.CutSuffix(b.held, []byte{'\n'})
	i := bytes.LastIndexByte(body, '\n') + 1
	b.held = b.held[:i]
	return body[i:], b.off + int64(i), ended, nil
}

// unread makes prev return the last returned line again.
func (b *backLines) unread(line []byte, ended bool) {
	n := len(b.held) + len(line)
	if ended {
		n++
	}
	b.held = b.held[:n]
}

// endable is a file that cannot be read after ctx is done. That ends a long search
// for the end of a line.
type endable struct {
	io.ReaderAt
	ctx context.Context
}

func (e endable) hold(off int64) {
	if h, ok := e.ReaderAt.(holder); ok {
		h.hold(off)
	}
}

func (e endable) ReadAt(p []byte, off int64) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.ReaderAt.ReadAt(p, off)
}

// shrunk is the error for a file that became shorter while it was read.
type shrunk struct{ size int64 } // at most; in bytes

func (s *shrunk) Error() string {
	return fmt.Sprintf("read at byte %d: the file became shorter while it was read", s.size)
}

// readFull fills p from offset off. The error is a *shrunk if the file ends before.
func readFull(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return &shrunk{off + int64(n)}
	}
	return err
}
