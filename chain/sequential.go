package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// readerAt is a file that can be read at any offset.
type readerAt interface {
	io.ReaderAt
	io.Closer
}

// maxWhole is the maximum size of a file that is read into memory to be read
// backward, in bytes.
const maxWhole = 1 << 30

// atOffsets makes the file f readable at any offset. It has the given name, and
// size bytes are to be read.
func (s *Snapshot) atOffsets(f fs.File, name string, size int64, backward bool) (readerAt, error) {
	if r, ok := f.(readerAt); ok {
		return r, nil
	}
	open := func() (fs.File, error) {
		f, _, err := openFile(s.fsys, name)
		return f, err
	}
	if !backward {
		return &sequential{open: open, f: f, held: -1}, nil
	}
	defer f.Close()
	if size > maxWhole {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%d MiB cannot be read backward in this file system", size>>20)}
	}
	all, err := io.ReadAll(io.LimitReader(f, size))
	return whole{bytes.NewReader(all)}, err
}

// whole is a file in memory.
type whole struct{ *bytes.Reader }

func (whole) Close() error { return nil }

// A sequential is a file that can only be read from its beginning. It keeps what it
// has read last, and begins again for offsets before that. Reading forward reads
// the file once.
type sequential struct {
	open func() (fs.File, error)
	f    fs.File
	kept []byte // the bytes read last
	end  int64  // offset after kept
	bad  error  // what was found before f was opened again: see unpacker
	held int64  // offset from which on all is kept; -1: blockSize bytes are
}

// A holder keeps what is read from an offset on, because it will be read again, until it
// is called with -1. Of more than a line of maximum length it keeps only the last.
type holder interface{ hold(off int64) }

func (s *sequential) hold(off int64) {
	if s.held = off; off < 0 {
		s.kept = bytes.Clone(s.kept[max(0, len(s.kept)-blockSize):])
	}
}

func (s *sequential) ReadAt(p []byte, off int64) (n int, err error) {
	if off < s.end-int64(len(s.kept)) {
		f, err := s.open()
		if err != nil {
			return 0, err
		}
		s.bad = damage(s)
		s.f.Close()
		s.f, s.kept, s.end = f, s.kept[:0], 0
	}
	if off > s.end {
		skipped, err := io.CopyN(io.Discard, s.f, off-s.end)
		s.kept, s.end, s.held = s.kept[:0], s.end+skipped, -1
		if err != nil {
			return 0, err
		}
	}
	n = copy(p, s.kept[len(s.kept)-int(s.end-off):])
	if n == len(p) {
		return n, nil
	}
	had := n
	read, err := io.ReadFull(s.f, p[n:])
	n += read
	s.end = off + int64(n)
	switch {
	case s.held < 0:
		s.kept = append(s.kept[:0], p[max(0, n-blockSize):n]...)
	case len(s.kept)+read <= maxLine+2*blockSize:
		s.kept = append(s.kept, p[had:n]...)
	default:
		s.hold(-1)
		s.kept = append(s.kept[:0], p[max(0, n-blockSize):n]...)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

func (s *sequential) Close() error { return s.f.Close() }
