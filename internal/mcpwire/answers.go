package mcpwire

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ResponseReader reads the server's output beside the relay: it is given what has
// gone to the client already, and finds the answers in it. small messages are
// kept until they are whole and then parsed; of large ones only what skim
// keeps, which costs the relay little more than the copying.
//
// It is used by the goroutine that relays.
type ResponseReader struct {
	Wanted func() bool    // whether anybody waits for an answer; asked at the start of a message
	Found  func(Response) // is given each answer, in order

	ends  Boundary
	taken bool   // the message is being read
	small []byte // it, while it is small
	large *skim  // it, once it is not
}

// MaxSmall is the longest message that is parsed, in bytes.
const MaxSmall = ReadSize

// Response is one JSON-RPC response of the server, or what it tells of a task
// without being asked.
type Response struct {
	At     time.Time // when it came
	ID     string    // as idKey
	Task   string    // of a notification: the task's id
	Failed bool      // it has error, not result
	Value  []byte    // result, error or params as sent; nil if it is not kept
	Sum    string    // its hash, "sha256:" and hex, where value is nil
	raw    bool      // Sum is not of the canonical form, but of the bytes
	size   int       // of value, in bytes
	Said   *Said     // what the result says of itself; nil: not read yet
	Ended  string    // Value tells that the task ended so, "failed" or "cancelled", and is not its result
}

// Feed takes what the server wrote, in pieces as they came.
func (a *ResponseReader) Feed(p []byte) {
	for len(p) > 0 {
		if !a.ends.Mid {
			a.taken = a.Wanted()
		}
		inBody := a.ends.body > 0
		n := a.ends.Next(p)
		switch {
		case !inBody && (a.ends.header || a.ends.body > 0):
			a.small = a.small[:0] // that was a header
		case a.taken:
			a.take(p[:n])
		}
		if !a.ends.Mid && a.taken {
			a.finish()
		}
		p = p[n:]
	}
}

func (a *ResponseReader) take(p []byte) {
	if a.large == nil && len(a.small)+len(p) > MaxSmall {
		a.large = new(skim)
		a.large.Write(a.small)
		a.small = a.small[:0]
	}
	if a.large != nil {
		a.large.Write(p)
		return
	}
	a.small = append(a.small, p...)
}

func (a *ResponseReader) finish() {
	var found []Response
	if a.large != nil {
		found = a.large.answers()
	} else {
		found = readAnswers(a.small)
	}
	a.large, a.small = nil, a.small[:0]
	for _, f := range found {
		a.Found(f)
	}
}

// readAnswers is the answers in a message: none if it is a request or a
// notification, but for one that tells of a task; several if it is a batch.
func readAnswers(message []byte) []Response {
	// A thousand lines of progress should cost little.
	if !bytes.Contains(message, []byte(`"id"`)) && !bytes.Contains(message, []byte(`/tasks`)) {
		return nil
	}
	return parseAnswers(message)
}

func parseAnswers(message []byte) []Response {
	root, err := Parse(message, 0)
	if err != nil {
		return nil
	}
	messages := root.Elements
	if root.Kind == '{' {
		messages = []Value{root}
	}
	var found []Response
	for _, m := range messages {
		if method, ok := m.Member("method"); ok {
			if f, ok := taskNotice(message, method, m); ok {
				found = append(found, f)
			}
			continue
		}
		id, _ := m.Member("id")
		content, failed := m.Member("error")
		if !failed {
			content, _ = m.Member("result")
		}
		// An answer with a null id belongs to no request.
		if key := IDKey(id.Raw(message)); key != "" && content.Kind != 0 {
			found = append(found, NewResponse(Response{ID: key, Failed: failed}, content.Raw(message)))
		}
	}
	return found
}

// NewResponse is a with a copy of its value.
func NewResponse(a Response, value []byte) Response {
	a.Value, a.size = slices.Clone(value), len(value)
	return a
}

// taskNotice is what a notification tells of a task: its status (2025-11-25,
// basic/utilities/tasks, "Task Status Notification") or all that tasks/get
// would answer (the extension io.modelcontextprotocol/tasks, to a client that
// listens).
func taskNotice(message []byte, method, m Value) (Response, bool) {
	switch s, _ := method.Text(message); s {
	case "notifications/tasks", "notifications/tasks/status":
		params, _ := m.Member("params")
		id, _ := params.Member("taskId")
		task, ok := id.Text(message)
		return NewResponse(Response{Task: task}, params.Raw(message)), ok
	}
	return Response{}, false
}

// IDKey is an id with its type, so that 1 is not "1", but 1 is 1.0: a server
// may write a number in another way. "" is what can be no id.
func IDKey(raw []byte) string {
	v := jsontext.Value(raw)
	switch v.Kind() {
	case '"':
		s, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "r:" + string(raw)
		}
		return "s:" + string(s)
	case '0':
		if !bytes.ContainsAny(raw, ".eE") {
			return "n:" + string(raw)
		}
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return "n:" + string(raw)
		}
		return "n:" + strconv.FormatFloat(f, 'f', -1, 64)
	}
	return ""
}
