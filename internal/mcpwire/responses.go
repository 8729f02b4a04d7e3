package mcpwire

// A ResponseReader reads the server's output after it went to the client, and finds
// the responses in it. It reads messages of any size as they stream, with bounded
// memory: of a result or error it keeps the bytes, or their hash if there are too
// many, and what it says about itself.
//
// Only the goroutine that relays may use it.
type ResponseReader struct {
	// Wanted says whether a response matters now: a request waits for one, or had
	// one that a second may follow. It is called at the start of a message; an
	// unwanted message is not read. If it is wanted at its end, it is found as
	// Unreadable.
	Wanted func() bool
	// Listed says whether a tools/list waits for its response.
	Listed func() bool
	// Framed says whether the client reads frames with Content-Length. Other
	// clients read lines, whatever they contain.
	Framed func() bool
	// Found gets each response, in order.
	Found func(Response)

	ends    Boundary
	taken   bool // the message is being read
	message message
}

// Feed reads what the server wrote, in pieces as they came.
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

// End says that the output has ended. Some clients take a rest without a line end
// as a message.
func (r *ResponseReader) End() {
	if r.ends.Mid && (!r.taken || r.message.whole()) {
		r.message.doubt |= noLineEnd
		r.finish()
	}
}

// finish passes on the responses in the message that has ended.
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

// Responses returns the responses in one whole message of the server, by the same
// rules. listed says whether a tools/list waits for its response.
func Responses(text []byte, listed bool) []Response {
	m := message{listed: listed}
	m.read(text)
	return m.finish()
}
