package wrap

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Messages is where our own lines for a person go. Clients exist that never
// read a server's stderr, and a full pipe must not hold up a call: Write only
// queues, and what does not fit is dropped.
type Messages struct {
	queue chan []byte // nil in it: the end
	ended chan struct{}
}

// maxMessages bounds the messages that wait for a reader of stderr. A session
// says maxSaid lines at most.
const maxMessages = 64

// lastMessages is how long Close waits for a reader of stderr.
const lastMessages = 500 * time.Millisecond

// NewMessages returns a writer that passes on to w what it is given, in order,
// as fast as w takes it. The caller must call Close.
func NewMessages(w io.Writer) *Messages {
	m := &Messages{make(chan []byte, maxMessages), make(chan struct{})}
	go func() {
		defer close(m.ended)
		for b := range m.queue {
			if b == nil {
				return
			}
			w.Write(b) // whom could its error be told
		}
	}()
	return m
}

// Write queues p, whole lines, or drops it. It does not wait, and never fails.
func (m *Messages) Write(p []byte) (int, error) {
	select {
	case m.queue <- append([]byte{}, p...):
	default:
	}
	return len(p), nil
}

// Close returns when all that was queued is written, or nobody reads it. What
// is written to m afterwards is lost. If nobody reads, a goroutine stays that
// waits for it.
func (m *Messages) Close() error {
	late := time.After(lastMessages)
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

// speaker says the few lines that a person must know.
type speaker struct {
	w     io.Writer
	count atomic.Int64
}

// maxSaid bounds the lines of one session: whoever sends a million bad lines
// must not fill a client's log with them.
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
