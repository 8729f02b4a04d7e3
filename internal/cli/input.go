package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// open opens the file at path, or standard input for "-", to be read. A pipe or a
// terminal may keep a reader waiting, for somebody to open its other end, too:
// reading ends with ctx's error when ctx is done. What is returned is an *os.File
// only for a file on a disk.
func (c *command) open(ctx context.Context, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(&patient{ctx: ctx, f: c.Stdin}), nil
	}
	if onDisk(path) {
		return os.Open(path)
	}
	f, err := await(ctx, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return nil, err
	}
	return &patient{ctx: ctx, f: f}, nil
}

// onDisk says whether path is a file on a disk.
func onDisk(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// await returns what f does, or ctx's error as soon as ctx is done.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// patient reads a file that may keep it waiting.
type patient struct {
	ctx  context.Context
	f    *os.File
	buf  []byte
	rest []byte // of buf, still to be returned
}

func (p *patient) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if err := p.ctx.Err(); err != nil {
			return 0, err // buf may still be written to
		}
		if p.buf == nil {
			p.buf = make([]byte, 64<<10)
		}
		n, err := await(p.ctx, func() (int, error) { return p.f.Read(p.buf) })
		if err != nil {
			return 0, err
		}
		p.rest = p.buf[:n]
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *patient) Close() error {
	if p.ctx.Err() != nil {
		return nil // Close would wait for a Read
	}
	return p.f.Close()
}

// peek returns the first n bytes of in, fewer if it has no more, and what to read
// all of it from: in itself, if that is a file on a disk.
func peek(in io.Reader, n int) (all io.Reader, start []byte) {
	if f, ok := in.(*os.File); ok {
		start = make([]byte, n)
		n, _ = f.ReadAt(start, 0)
		return f, start[:n]
	}
	r := bufio.NewReader(in)
	start, _ = r.Peek(n)
	return r, start
}

// unread is err, why something could not be read, as it is said.
func unread(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

// readFile reads the file at path, or standard input for "-", up to max bytes:
// what was named by mistake, a disk or an endless pipe, is not to fill memory.
// Ctrl-C ends it.
func (c *command) readFile(path string, max int64) ([]byte, error) {
	ctx := c.ctx
	if !onDisk(path) {
		var stop func()
		ctx, stop = c.interruptible()
		defer stop()
	}
	f, err := c.open(ctx, path)
	if err != nil {
		return nil, unread(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, unread(err)
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, max)
	}
	return b, nil
}
