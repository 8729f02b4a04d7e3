package wrap

import (
	"io"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// clientWriter writes to the client: the server's bytes as they come, and our
// replies to refused calls, which go between the server's messages and never inside
// one.
//
// reply does not wait for a slow client, unless more than maxWaiting bytes wait
// already.
type clientWriter struct {
	writing chan struct{} // full while a goroutine writes to w: a mutex with TryLock
	w       io.WriteCloser
	ends    mcpwire.Boundary // where the server's messages end; guarded by writing

	adding  sync.Mutex // never held while writing
	replies []byte     // whole messages, not yet written; guarded by adding
	room    sync.Cond  // signals that replies were taken, or over; its lock is adding
	over    bool       // no more replies will be written; guarded by adding
}

// maxWaiting is the maximum size of replies that wait, in bytes. A client that has
// not read thousands of replies is itself not read until it does.
const maxWaiting = 1 << 20

// stuck is how long the end of a session waits for a client that does not read.
const stuck = 500 * time.Millisecond

func newClientWriter(w io.WriteCloser) *clientWriter {
	c := &clientWriter{w: w, writing: make(chan struct{}, 1)}
	c.room.L = &c.adding
	return c
}

// Write passes the server's bytes on.
func (c *clientWriter) Write(p []byte) (int, error) {
	c.writing <- struct{}{}
	n, err := c.write(p)
	<-c.writing
	c.flush()
	return n, err
}

// The caller of write holds writing.
func (c *clientWriter) write(p []byte) (int, error) {
	n := 0
	for c.ends.Mid && n < len(p) && c.waiting() {
		// Replies wait for the end of a message, which may be in p.
		size := c.ends.Next(p[n:])
		m, err := c.w.Write(p[n : n+size])
		if n += m; err != nil {
			return n, err
		}
		if !c.ends.Mid {
			if err := c.writeReplies(); err != nil {
				return n, err
			}
		}
	}
	if n == len(p) {
		return n, nil
	}
	for at := n; at < len(p); {
		at += c.ends.Next(p[at:])
	}
	m, err := c.w.Write(p[n:])
	return n + m, err
}

// reply sends one of our messages as soon as the server's current message has
// ended.
func (c *clientWriter) reply(message []byte) {
	c.adding.Lock()
	for len(c.replies) > maxWaiting && !c.over {
		c.room.Wait()
	}
	if len(c.replies) <= maxWaiting {
		c.replies = append(c.replies, message...)
	}
	c.adding.Unlock()
	go c.flush()
}

// flush writes the replies that wait. If another goroutine is writing, that one
// does it.
func (c *clientWriter) flush() {
	for c.waiting() {
		select {
		case c.writing <- struct{}{}:
		default:
			return
		}
		mid := c.ends.Mid
		if !mid {
			c.writeReplies()
		}
		<-c.writing
		if mid {
			return
		}
	}
}

// finish writes the remaining replies when the server writes no more, and closes
// the client's end. If a reply remains inside an unfinished message of the server,
// that message is ended first. finish does not wait for a client that does not
// read.
func (c *clientWriter) finish() {
	c.adding.Lock()
	c.over = true
	c.room.Broadcast()
	c.adding.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.writing <- struct{}{}
		if c.ends.Mid && c.waiting() {
			c.w.Write([]byte("\n"))
			c.ends = mcpwire.Boundary{}
		}
		c.writeReplies()
		c.w.Close()
		<-c.writing
	}()
	select {
	case <-done:
	case <-time.After(stuck):
	}
}

func (c *clientWriter) waiting() bool {
	c.adding.Lock()
	defer c.adding.Unlock()
	return len(c.replies) > 0
}

// The caller of writeReplies holds writing.
func (c *clientWriter) writeReplies() error {
	c.adding.Lock()
	b := c.replies
	c.replies = nil
	c.room.Broadcast()
	c.adding.Unlock()
	if len(b) == 0 {
		return nil
	}
	_, err := c.w.Write(b)
	return err
}
