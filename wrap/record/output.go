package record

import (
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// Output reads what a server writes to a pipe, in pieces as they come, and finds
// the responses in it. The goroutine that relays the pieces calls Begin before the
// client gets one, Write after it, and End at the end.
type Output struct {
	session *session // nil: outcomes are not recorded
	read    mcpwire.ResponseReader
	at      time.Time // when the last piece came

	framed atomic.Bool // the client uses frames with Content-Length

	// How many pieces were about to go to the client, and how many of them have
	// been read here.
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

// Output takes the server's bytes, for a program that has no whole messages for
// Response.
func (r *Recorder) Output() *Output { return &r.output }

// Framed says that the client sends frames with Content-Length, so that the
// server's output may have frames too. Any goroutine may call it.
func (o *Output) Framed() { o.framed.Store(true) }

// IsFramed says whether the client has sent a frame.
func (o *Output) IsFramed() bool { return o.framed.Load() }

// Begin says that the client is about to get a piece of the server's output.
func (o *Output) Begin() {
	if o.session != nil {
		o.at = time.Now()
		o.begun.Add(1)
	}
}

// Write reads a piece that the client has got. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	if o.session != nil {
		o.read.Feed(p)
		o.seen.Add(1)
	}
	return len(p), nil
}

// End says that the server's output has ended.
func (o *Output) End() {
	if o.session != nil {
		o.read.End()
	}
}

// catchUp waits, for 50 ms at most, until all that the client has got has been read
// here: its next request may refer to it.
func (o *Output) catchUp() {
	begun := o.begun.Load()
	for range 50 {
		if o.seen.Load() >= begun {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
