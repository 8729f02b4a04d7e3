package record

import (
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// Output takes what a server writes to a pipe, in pieces as they come, and finds
// the responses in it. It is used by the goroutine that relays them, which calls
// Begin before the client gets a piece, and Write after.
type Output struct {
	session *session // nil: nothing is looked at
	read    mcpwire.ResponseReader
	at      time.Time // when the last piece came

	framed atomic.Bool // the client sends frames with Content-Length, and so reads them

	// How many pieces have begun to go to the client, and how many of them have
	// been looked at.
	begun, seen atomic.Int64
}

func (o *Output) init(s *session) {
	if o.session = s; s == nil {
		return
	}
	o.read = mcpwire.ResponseReader{
		Wanted: s.wanted,
		Listed: s.listed,
		Framed: o.framed.Load,
		Found: func(a mcpwire.Response) {
			a.At = o.at
			s.found(a)
		},
	}
}

// Output is where the server's bytes go if there are no messages for Response.
func (r *Recorder) Output() *Output { return &r.output }

// Framed notes that the client has sent a frame with Content-Length, and so reads
// them: the server's output is read so, too. It may be called by any goroutine.
func (o *Output) Framed() { o.framed.Store(true) }

// Begin says that the server wrote something, which the client is about to get.
func (o *Output) Begin() {
	if o.session != nil {
		o.at = time.Now()
		o.begun.Add(1)
	}
}

// Write looks at what the server wrote and the client has got. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	if o.session != nil {
		o.read.Feed(p)
		o.seen.Add(1)
	}
	return len(p), nil
}

// End says that the server's output is over.
func (o *Output) End() {
	if o.session != nil {
		o.read.End()
	}
}

// catchUp waits, for 50 ms at most, until all that the client has got has
// been looked at: its next request may refer to it.
func (o *Output) catchUp() {
	begun := o.begun.Load()
	for range 50 {
		if o.seen.Load() >= begun {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
