package mcpwire

// ResponseReader reads the server's output beside the relay: it is given what has
// gone to the client already, and finds the responses in it. It reads messages of
// every size in one way, as they stream, and keeps bounded memory: of a result
// or error the bytes or, where those are too many, their hash, and what it says of
// itself.
//
// It is used by the goroutine that relays.
type ResponseReader struct {
	// Wanted says whether any request waits for a response, or had one that
	// another may follow. It is asked at the start of a message, and a message
	// that is not wanted is not read. If it is at its end, it is found as
	// Unreadable.
	Wanted func() bool
	// Listed says whether a tools/list waits for its response.
	Listed func() bool
	// Framed says whether the client reads frames with Content-Length. The others
	// read lines, whatever stands in them.
	Framed func() bool
	// Found is given each response, in order.
	Found func(Response)

	ends    Boundary
	taken   bool // the message is being read
	message message
}

// Feed takes what the server wrote, in pieces as they came.
func (r *ResponseReader) Feed(p []byte) {
	for len(p) > 0 {
		if !r.ends.Mid {
			r.taken = r.Wanted()
			r.ends.NoFrames = !r.Framed()
			r.message.listed = r.taken && r.Listed()
		}
		inBody := r.ends.body > 0
		n := r.ends.Next(p)
		switch {
		case !inBody && p[n-1] == '\n' && (r.ends.header || r.ends.body > 0):
			r.message.reset() // that was a line of a header
		case r.taken:
			r.message.read(p[:n])
		}
		if !r.ends.Mid {
			r.finish()
		}
		p = p[n:]
	}
}

// End says that the output is over. What stands there without a line end is a
// message for some clients.
func (r *ResponseReader) End() {
	if r.ends.Mid && (!r.taken || r.message.whole()) {
		r.message.doubt |= noLineEnd
		r.finish()
	}
}

// finish gives out what is in the message that has ended.
func (r *ResponseReader) finish() {
	if !r.taken {
		if r.Wanted() {
			r.Found(Response{Unreadable: true}) // the request came while it streamed
		}
		return
	}
	found := r.message.finish()
	for i := range found {
		r.Found(found[i])
	}
	clear(found)
	r.message.reset()
}

// Responses are the responses in one whole message of the server, by the same
// rules. listed says whether a tools/list waits for its response.
func Responses(text []byte, listed bool) []Response {
	m := message{listed: listed}
	m.read(text)
	return m.finish()
}
