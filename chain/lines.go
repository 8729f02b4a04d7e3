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

// maxSearch is how far the end of a line that is too long is looked for, in bytes.
// The rest of its file is not read: a sparse file can have terabytes.
const maxSearch = 1 << 30

// blocks reads a file from its beginning in blocks of whole lines. Only a line
// longer than the buffer given to next takes more memory than that buffer, and
// one longer than maxLine takes none.
type blocks struct {
	f    io.ReaderAt
	off  int64 // of the next block
	size int64 // where reading ends
}

// next returns the next block and its offset; io.EOF after the last. Each line
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
	end, ended, err := lineEnd(b.f, off+int64(len(buf)), min(b.size, off+maxSearch), buf)
	if err != nil {
		return nil, off, err
	}
	if !ended && end < b.size {
		b.off = b.size
		return nil, off, &tooLong{off, b.size, true, true}
	}
	if end-off > maxLine {
		b.off = end
		return nil, off, &tooLong{off, end, ended, false}
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

// tooLong reports a line of more than maxLine bytes, at off, that ends before
// end, its newline, if it has one, included.
type tooLong struct {
	off, end int64
	ended    bool // by a newline
	beyond   bool // maxSearch: there may be more lines before end, which are not read
}

func (t *tooLong) Error() string {
	if t.beyond {
		return fmt.Sprintf("a line of more than %d MiB: %d MiB of the file are not read", maxSearch>>20, (t.end-t.off)>>20)
	}
	return fmt.Sprintf("a line of %d MiB; more than %d MiB are not read", (t.end-t.off)>>20, maxLine>>20)
}

// lineEnd finds the end of the line that goes on at off: the offset after its
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

// backBlocks reads a file from its end in blocks of whole lines, within the same
// bounds as blocks.
type backBlocks struct {
	f   io.ReaderAt
	end int64 // offset after the next block

	// search is how far the beginning of a line that is too long is looked
	// for, as maxSearch; 0: to the file's beginning.
	search int64
}

// prev returns the block before the one returned last and its offset; io.EOF
// before the first. Each line in it ends in a newline but, maybe, the file's
// last. The block is in buf, or in memory of its own. A *tooLong says that a
// line was passed over.
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
	// What stands before the first newline is the end of a line, or all of it:
	// it is read again with the block before.
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
		return nil, 0, &tooLong{0, end, true, true}
	}
	if end-off > maxLine {
		b.end = off
		return nil, off, &tooLong{off, end, ended, false}
	}
	block = make([]byte, end-off)
	if err := readFull(b.f, block, off); err != nil {
		return nil, off, err
	}
	b.end = off
	return block, off, nil
}

// lineStart finds the beginning of the line to which the byte before off
// belongs, unless that is a newline; least if it begins there or before. scratch
// is overwritten.
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

// backLines reads a file's lines from its end. buf bounds what is read at once.
type backLines struct {
	blocks backBlocks
	buf    []byte
	held   []byte // lines of a block that are still to be returned
	off    int64  // of held
}

func newBackLines(f io.ReaderAt, size int64, chunk int) *backLines {
	return &backLines{blocks: backBlocks{f: f, end: size}, buf: make([]byte, chunk)}
}

// prev returns the line before the one returned last, without its newline, and
// its offset; io.EOF before the first. ended is false for a last line with no
// newline after it. The line is good until the next call. A *tooLong says that
// a line was passed over.
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

// unread has prev return the line again that it returned last.
func (b *backLines) unread(line []byte, ended bool) {
	n := len(b.held) + len(line)
	if ended {
		n++
	}
	b.held = b.held[:n]
}

// endable is a file that cannot be read any more when ctx is done: it ends a long
// search for the end of a line.
type endable struct {
	io.ReaderAt
	ctx context.Context
}

func (e endable) ReadAt(p []byte, off int64) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.ReaderAt.ReadAt(p, off)
}

// shrunk reports a file that became shorter while it was read.
type shrunk struct{ size int64 } // at most; in bytes

func (s *shrunk) Error() string {
	return fmt.Sprintf("read at byte %d: the file became shorter while it was read", s.size)
}

// readFull fills p from offset off. It is a *shrunk if the file ends before.
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
