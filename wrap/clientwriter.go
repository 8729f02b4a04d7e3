package wrap

import (
	"io"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// clientWriter writes to the client: the server's bytes as they come and, between
// the server's messages and never inside one, our replies to refused calls.
//
// reply does not wait for a client that is slow to read, unless maxWaiting bytes
// wait already.
type clientWriter struct {
	writing chan struct{} // full while somebody writes to w: a mutex to try
	w       io.WriteCloser
	ends    mcpwire.Boundary // of the server's messages; guarded by writing

	adding  sync.Mutex // held for a short time only
	replies []byte     // whole messages, not yet written; guarded by adding
	room    sync.Cond  // replies were taken, or none will be; its lock is adding
	over    bool       // nobody will take any more; guarded by adding
}

// maxWaiting bounds the replies that wait, in bytes. From a client that has left
// some thousands unread, no more is read until it reads them.
const maxWaiting = 1 << 20

// stuck is how long the end of a session waits for a client to read.
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

// write needs writing to be held.
func (c *clientWriter) write(p []byte) (int, error) {
	n := 0
	for c.ends.Mid && n < len(p) && c.waiting() {
		// Replies wait for a message that may end here.
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

// reply sends one of our own messages as soon as the server's has ended.
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

// flush writes the replies that wait, unless somebody else is writing, who
// then does it.
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

// finish writes the replies that still wait when the server will write no
// more, and ends the client's input. The server's unfinished message is ended
// first. A client that does not read is not waited for.
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

// writeReplies needs writing to be held.
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
