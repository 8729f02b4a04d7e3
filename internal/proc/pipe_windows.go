package proc

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// UntilEnd reads f to its end. On Windows a program can write zero bytes to a pipe,
// and some do. The reader then reads zero bytes, which Go takes as the end.
func UntilEnd(f *os.File) io.ReadCloser {
	return &pipeReader{f, func() bool { return pipeOpen(f) }}
}

type pipeReader struct {
	io.ReadCloser
	open func() bool // says whether there is more to come
}

func (r *pipeReader) Read(p []byte) (int, error) {
	for {
		n, err := r.ReadCloser.Read(p)
		if err != io.EOF || !r.open() {
			return n, err
		}
	}
}

var peekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")

// pipeOpen says whether f is a pipe that may have more to read.
func pipeOpen(f *os.File) bool {
	open := false
	if c, err := f.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) {
			ok, _, _ := peekNamedPipe.Call(fd, 0, 0, 0, 0, 0)
			open = ok != 0
		})
	}
	return open
}
