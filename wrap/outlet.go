package wrap

import (
	"io"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// outlet is the client's end of the server's stdout. The server's bytes go
// through as they come; our replies to refused calls go in between, whole and
// never inside one of the server's messages.
//
// A reply does not wait for a client that is slow to read, unless very many do
// already.
type outlet struct {
	writing chan struct{} // full while somebody writes to w: a mutex to try
	w       io.WriteCloser
	ends    mcpwire.Boundary // of the server's messages; guarded by writing

	adding  sync.Mutex // held for moments only
	replies []byte     // whole messages, not yet written; guarded by adding
	room    sync.Cond  // replies were taken, or none will be; its lock is adding
	over    bool       // nobody will take any more; guarded by adding
}

// maxWaiting bounds the replies that wait, in bytes. A client that has left
// some thousands unread is not listened to until it reads, as a server would
// not listen that cannot write.
const maxWaiting = 1 << 20

// stuck is how long the end of a session waits for a client to read.
const stuck = 500 * time.Millisecond

func newOutlet(w io.WriteCloser) *outlet {
	o := &outlet{w: w, writing: make(chan struct{}, 1)}
	o.room.L = &o.adding
	return o
}

// Write passes the server's bytes on.
func (o *outlet) Write(p []byte) (int, error) {
	o.writing <- struct{}{}
	n, err := o.write(p)
	<-o.writing
	o.flush()
	return n, err
}

// write needs writing to be held.
func (o *outlet) write(p []byte) (int, error) {
	n := 0
	for o.ends.Mid && n < len(p) && o.waiting() {
		// Replies wait for a message that may end here.
		size := o.ends.Next(p[n:])
		m, err := o.w.Write(p[n : n+size])
		if n += m; err != nil {
			return n, err
		}
		if !o.ends.Mid {
			if err := o.writeReplies(); err != nil {
				return n, err
			}
		}
	}
	if n == len(p) {
		return n, nil
	}
	for at := n; at < len(p); {
		at += o.ends.Next(p[at:])
	}
	m, err := o.w.Write(p[n:])
	return n + m, err
}

// reply sends one of our own messages as soon as the server's has ended.
func (o *outlet) reply(message []byte) {
	o.adding.Lock()
	for len(o.replies) > maxWaiting && !o.over {
		o.room.Wait()
	}
	if len(o.replies) <= maxWaiting {
		o.replies = append(o.replies, message...)
	}
	o.adding.Unlock()
	go o.flush()
}

// flush writes the replies that wait, unless somebody else is writing, who
// then does it.
func (o *outlet) flush() {
	for o.waiting() {
		select {
		case o.writing <- struct{}{}:
		default:
			return
		}
		mid := o.ends.Mid
		if !mid {
			o.writeReplies()
		}
		<-o.writing
		if mid {
			return
		}
	}
}

// finish writes the replies that still wait when the server will write no
// more, and ends the client's input. The server's unfinished message is ended
// first. A client that does not read is not waited for.
func (o *outlet) finish() {
	o.adding.Lock()
	o.over = true
	o.room.Broadcast()
	o.adding.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.writing <- struct{}{}
		if o.ends.Mid && o.waiting() {
			o.w.Write([]byte("\n"))
			o.ends = mcpwire.Boundary{}
		}
		o.writeReplies()
		o.w.Close()
		<-o.writing
	}()
	select {
	case <-done:
	case <-time.After(stuck):
	}
}

func (o *outlet) waiting() bool {
	o.adding.Lock()
	defer o.adding.Unlock()
	return len(o.replies) > 0
}

// writeReplies needs writing to be held.
func (o *outlet) writeReplies() error {
	o.adding.Lock()
	b := o.replies
	o.replies = nil
	o.room.Broadcast()
	o.adding.Unlock()
	if len(b) == 0 {
		return nil
	}
	_, err := o.w.Write(b)
	return err
}
