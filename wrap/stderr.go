package wrap

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// A QueuedWriter is for the wrapper's own messages for the user, lines on stderr.
// Some clients never read a server's stderr, and a full pipe must not delay a call:
// so Write only queues, and drops what does not fit.
type QueuedWriter struct {
	queue chan []byte // nil in it is the end
	ended chan struct{}
}

// maxQueued is the maximum number of queued messages. A session writes at most
// maxSaid.
const maxQueued = 64

// maxClose is how long Close waits for a reader of stderr.
const maxClose = 500 * time.Millisecond

// NewQueuedWriter returns a QueuedWriter that passes what is written to it on to w, in
// order, as fast as w takes it. The caller must call Close.
func NewQueuedWriter(w io.Writer) *QueuedWriter {
	m := &QueuedWriter{make(chan []byte, maxQueued), make(chan struct{})}
	go func() {
		defer close(m.ended)
		for b := range m.queue {
			if b == nil {
				return
			}
			w.Write(b) // an error could only be reported here
		}
	}()
	return m
}

// Write queues p, whole lines of text, or drops it. It does not block and never
// fails.
func (m *QueuedWriter) Write(p []byte) (int, error) {
	select {
	case m.queue <- append([]byte{}, p...):
	default:
	}
	return len(p), nil
}

// Close waits until all queued messages are written, but at most 500 ms. What is
// written to m later is lost. If w blocks for longer, a goroutine that waits for it
// remains. The error is always nil.
func (m *QueuedWriter) Close() error {
	late := time.After(maxClose)
	select {
	case m.queue <- nil:
	case <-late:
		return nil
	}
	select {
	case <-m.ended:
	case <-late:
	}
	return nil
}

// speaker writes messages with the program's name, up to a limit.
type speaker struct {
	w     io.Writer
	count atomic.Int64
}

// maxSaid is the maximum number of lines in one session, so that a client with a
// million bad lines does not fill its own log with them.
const maxSaid = 100

func (s *speaker) say(text string) {
	switch n := s.count.Add(1); {
	case n < maxSaid:
		fmt.Fprintf(s.w, "signet-wrap: %s\n", text)
	case n == maxSaid:
		fmt.Fprintf(s.w, "signet-wrap: saying no more in this session\n")
	}
}

func (s *speaker) sayf(format string, a ...any) { s.say(fmt.Sprintf(format, a...)) }
