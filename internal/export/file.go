package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"context"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
)

// A writerSink writes batches as lines.
type writerSink struct {
	w        io.Writer
	format   Format
	resource envelope.Resource
	buf      []byte
}

// NewWriter is a Sink that writes lines: of OTLP a request for each batch, as a
// collector's file exporter does.
func NewWriter(w io.Writer, format Format, resource envelope.Resource) Sink {
	return &writerSink{w: w, format: format, resource: resource}
}

func (s *writerSink) Send(_ context.Context, batch []Item) error {
	s.buf = appendLines(s.buf[:0], s.format, &s.resource, batch)
	_, err := s.w.Write(s.buf)
	return err
}

func (s *writerSink) Close() error { return nil }

func appendLines(b []byte, format Format, resource *envelope.Resource, batch []Item) []byte {
	if format == OTLP {
		return append(appendRequest(b, resource, batch), '\n')
	}
	for i := range batch {
		if data := batch[i].Data; len(data) > 0 { // not of a record without its body
			b = append(append(b, data...), '\n')
		}
	}
	return b
}

func appendRequest(b []byte, resource *envelope.Resource, batch []Item) []byte {
	b = resource.AppendRequestStart(b)
	for i := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, batch[i].Data...)
	}
	return append(b, envelope.RequestEnd...)
}

// fileSink appends batches to a file. Each is on the disk before it counts as taken; of
// one that could not be written nothing is left.
type fileSink struct {
	writerSink
	f    *os.File
	size int64
}

// NewFile is a Sink that appends lines to a file, which is made if it is not there. What
// follows the last line end in it is of an export that was killed, and is cut off.
func NewFile(path string, format Format, resource envelope.Resource) (Sink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &fileSink{writerSink: writerSink{format: format, resource: resource}, f: f}
	if err := s.begin(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *fileSink) begin() error {
	st, err := s.f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: s.f.Name(), Err: errors.New("not a regular file")}
	}
	if locked, err := durable.TryLock(s.f); err != nil {
		return err
	} else if !locked {
		return fmt.Errorf("%s: another export writes to it", s.f.Name())
	}
	buf := make([]byte, 64<<10)
	for end := st.Size(); end > 0; {
		part := buf[:min(end, int64(len(buf)))]
		if _, err := s.f.ReadAt(part, end-int64(len(part))); err != nil {
			return err
		}
		end -= int64(len(part))
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			s.size = end + int64(i) + 1
			break
		}
	}
	return s.f.Truncate(s.size)
}

func (s *fileSink) Send(_ context.Context, batch []Item) error {
	s.buf = appendLines(s.buf[:0], s.format, &s.resource, batch)
	_, err := s.f.WriteAt(s.buf, s.size)
	if err == nil {
		err = durable.Sync(s.f)
	}
	if err != nil {
		return &SendError{Err: errors.Join(err, s.f.Truncate(s.size)), What: Again}
	}
	s.size += int64(len(s.buf))
	return nil
}

func (s *fileSink) Close() error { return s.f.Close() }
