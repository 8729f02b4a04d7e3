package wrap

import (
	"io"
	"sync"
)

// outlet is the client's end of the server's stdout. The server's bytes go
// through as they come; our replies to refused calls go in between, whole and
// never inside one of the server's messages.
//
// A reply does not wait for a client that is slow to read: it is left to the
// goroutine that is writing.
type outlet struct {
	writing sync.Mutex // held while writing to w
	w       io.WriteCloser
	ends    boundary // of the server's messages; guarded by writing

	adding  sync.Mutex // held for moments only
	replies []byte     // whole messages, not yet written; guarded by adding
}

// Write passes the server's bytes on.
func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.write(p)
	o.flush()
	return n, err
}

func (o *outlet) write(p []byte) (int, error) {
	o.writing.Lock()
	defer o.writing.Unlock()
	n := 0
	for o.ends.mid && n < len(p) && o.waiting() {
		// Replies wait for a message that may end here.
		size := o.ends.next(p[n:])
		m, err := o.w.Write(p[n : n+size])
		if n += m; err != nil {
			return n, err
		}
		if !o.ends.mid {
			if err := o.writeReplies(); err != nil {
				return n, err
			}
		}
	}
	if n == len(p) {
		return n, nil
	}
	for at := n; at < len(p); {
		at += o.ends.next(p[at:])
	}
	m, err := o.w.Write(p[n:])
	return n + m, err
}

// reply sends one of our own messages as soon as the server's has ended.
func (o *outlet) reply(message []byte) {
	o.adding.Lock()
	o.replies = append(o.replies, message...)
	o.adding.Unlock()
	o.flush()
}

// flush writes the replies that wait, unless somebody else is writing, who
// then does it.
func (o *outlet) flush() {
	for o.waiting() && o.writing.TryLock() {
		mid := o.ends.mid
		if !mid {
			o.writeReplies()
		}
		o.writing.Unlock()
		if mid {
			return
		}
	}
}

// finish writes the replies that still wait when the server will write no
// more, and ends the client's input. The server's unfinished line is ended
// first. If the server's output is stuck because the client does not read,
// nothing more can be said to it.
func (o *outlet) finish() {
	if !o.writing.TryLock() {
		return
	}
	defer o.writing.Unlock()
	defer o.w.Close()
	if o.ends.mid && o.waiting() {
		o.w.Write([]byte("\n"))
		o.ends = boundary{}
	}
	o.writeReplies()
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
	o.adding.Unlock()
	if len(b) == 0 {
		return nil
	}
	_, err := o.w.Write(b)
	return err
}
