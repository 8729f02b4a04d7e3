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
		f, _, err := s.openFile(name)
		return f, err
	}
	if !backward {
		return &sequential{open: open, f: f}, nil
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
}

func (s *sequential) ReadAt(p []byte, off int64) (n int, err error) {
	if off < s.end-int64(len(s.kept)) {
		f, err := s.open()
		if err != nil {
			return 0, err
		}
		s.f.Close()
		s.f, s.kept, s.end = f, s.kept[:0], 0
	}
	if off > s.end {
		skipped, err := io.CopyN(io.Discard, s.f, off-s.end)
		s.kept, s.end = s.kept[:0], s.end+skipped
		if err != nil {
			return 0, err
		}
	}
	n = copy(p, s.kept[len(s.kept)-int(s.end-off):])
	if n == len(p) {
		return n, nil
	}
	read, err := io.ReadFull(s.f, p[n:])
	n += read
	s.kept, s.end = append(s.kept[:0], p[max(0, n-blockSize):n]...), off+int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

func (s *sequential) Close() error { return s.f.Close() }
