package wrap

import (
	"bytes"
	"io"
	"sync"
)

// outlet is the client's end of the server's stdout. The server's bytes go
// through as they come; our replies to refused calls go in between, whole and
// never inside one of the server's lines.
//
// A reply does not wait for a client that is slow to read: it is left to the
// goroutine that is writing.
type outlet struct {
	writing sync.Mutex // held while writing to w
	w       io.Writer
	mid     bool // the server's last byte was not a newline; guarded by writing

	adding  sync.Mutex // held for moments only
	replies []byte     // whole lines, not yet written; guarded by adding
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
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if i := bytes.IndexByte(p, '\n'); o.mid && i >= 0 && o.waiting() {
		// The line that the replies waited for ends here.
		var err error
		if n, err = o.w.Write(p[:i+1]); err != nil {
			return n, err
		}
		if err := o.writeReplies(); err != nil {
			return n, err
		}
		if p = p[i+1:]; len(p) == 0 {
			o.mid = false
			return n, nil
		}
	}
	m, err := o.w.Write(p)
	if m > 0 {
		o.mid = p[m-1] != '\n'
	}
	return n + m, err
}

// reply sends one of our own lines as soon as the server's line has ended.
func (o *outlet) reply(line []byte) {
	o.adding.Lock()
	o.replies = append(o.replies, line...)
	o.adding.Unlock()
	o.flush()
}

// flush writes the replies that wait, unless somebody else is writing, who
// then does it.
func (o *outlet) flush() {
	for o.waiting() && o.writing.TryLock() {
		mid := o.mid
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
// more. Its unfinished line is ended first.
func (o *outlet) finish() {
	o.writing.Lock()
	defer o.writing.Unlock()
	if o.mid && o.waiting() {
		o.w.Write([]byte("\n"))
		o.mid = false
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
