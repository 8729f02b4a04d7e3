package gosdk

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// A roundTripper records the calls in the bodies of requests, and their outcomes in the
// bodies of responses, whether they are JSON or events.
type roundTripper struct {
	inner    http.RoundTripper
	recorder *record.Recorder

	mu sync.Mutex
	// again has, by its body, what was sent for a request that may be sent again: it
	// was answered by something else than a success. It is bounded.
	again map[string][]byte
}

const maxAgain = 16

// RoundTrip sends a request with the receipts in its body. If it cannot be recorded, it
// is not sent.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || r.Body == nil {
		response, err := t.inner.RoundTrip(r)
		if err == nil {
			t.follow(response)
		}
		return response, err
	}
	message, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	sent := t.sentBefore(message)
	if sent == nil {
		if sent, err = t.recorder.RequestContext(r.Context(), message); err != nil {
			return nil, err
		}
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
	response, err := t.inner.RoundTrip(r)
	if err != nil {
		lost(r.Context(), t.recorder, message)
		return nil, err
	}
	if response.StatusCode >= 300 && len(sent) != len(message) {
		t.remember(message, sent)
		lost(r.Context(), t.recorder, message)
	}
	t.follow(response)
	return response, nil
}

func (t *roundTripper) remember(message, sent []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.again == nil || len(t.again) >= maxAgain {
		t.again = map[string][]byte{}
	}
	t.again[string(message)] = sent
}

// sentBefore returns what was sent for the same request before, nil if nothing was. The
// SDK uses an id once, so that a body with a call is not that of another call.
func (t *roundTripper) sentBefore(message []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.again[string(message)]
	delete(t.again, string(message))
	return sent
}

// follow has the body of a response read here, too, before the client gets it.
func (t *roundTripper) follow(response *http.Response) {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.Body == nil:
	case kind == "text/event-stream":
		response.Body = &eventBody{ReadCloser: response.Body, message: t.recorder.Response}
	case kind == "application/json":
		response.Body = &jsonBody{ReadCloser: response.Body, message: t.recorder.Response}
	}
}

// jsonBody gives the whole body to message, before its reader sees the end.
type jsonBody struct {
	io.ReadCloser
	message func([]byte)
	b       []byte
}

func (j *jsonBody) Read(p []byte) (int, error) {
	n, err := j.ReadCloser.Read(p)
	j.b = append(j.b, p[:n]...)
	if err == io.EOF && j.b != nil {
		j.message(j.b)
		j.b = nil
	}
	return n, err
}

// eventBody gives each event that is a message to message, before its reader sees the
// end of it. It reads events as the SDK does, in which only a newline ends a line.
type eventBody struct {
	io.ReadCloser
	message func([]byte)

	line, data []byte
	name       string
	some       bool // the event has data
}

func (e *eventBody) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	for _, c := range p[:n] {
		if c == '\n' {
			e.endLine()
		} else {
			e.line = append(e.line, c)
		}
	}
	if err == io.EOF && e.some { // the SDK takes an event that the end cuts off
		e.endLine()
		e.endEvent()
	}
	return n, err
}

func (e *eventBody) endLine() {
	line := bytes.TrimRight(e.line, "\r")
	e.line = e.line[:0]
	if len(line) == 0 {
		e.endEvent()
		return
	}
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch string(field) {
	case "data":
		if e.some {
			e.data = append(e.data, '\n')
		}
		e.data, e.some = append(e.data, value...), true
	case "event":
		e.name = string(value)
	}
}

func (e *eventBody) endEvent() {
	if e.some && (e.name == "" || e.name == "message") {
		e.message(e.data)
	}
	e.data, e.name, e.some = e.data[:0], "", false
}
