package wrap

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// answers reads the server's output beside the relay: it is given what has
// gone to the client already, and finds the answers in it. Small messages are
// kept until they are whole and then parsed; of large ones only what skim
// keeps, which costs the relay little more than the copying.
//
// It is used by the goroutine that relays.
type answers struct {
	wanted func() bool  // whether anybody waits for an answer; asked at the start of a message
	found  func(answer) // is given each answer, in order

	ends  boundary
	taken bool   // the message is being read
	small []byte // it, while it is small
	large *skim  // it, once it is not
}

// maxSmall is the longest message that is parsed, in bytes.
const maxSmall = readSize

// answer is one JSON-RPC response of the server, or what it tells of a task
// without being asked.
type answer struct {
	at     time.Time // when it came
	id     string    // as idKey
	task   string    // of a notification: the task's id
	failed bool      // it has error, not result
	value  []byte    // result, error or params as sent; nil if it is not kept
	sum    string    // its hash, "sha256:" and hex, where value is nil
	raw    bool      // sum is not of the canonical form, but of the bytes
	size   int       // of value, in bytes
	said   *said     // what the result says of itself; nil: not read yet
	ended  string    // value tells that the task ended so, "failed" or "cancelled", and is not its result
}

// feed takes what the server wrote, in pieces as they came.
func (a *answers) feed(p []byte) {
	for len(p) > 0 {
		if !a.ends.mid {
			a.taken = a.wanted()
		}
		inBody := a.ends.body > 0
		n := a.ends.next(p)
		switch {
		case !inBody && (a.ends.header || a.ends.body > 0):
			a.small = a.small[:0] // that was a header
		case a.taken:
			a.take(p[:n])
		}
		if !a.ends.mid && a.taken {
			a.finish()
		}
		p = p[n:]
	}
}

func (a *answers) take(p []byte) {
	if a.large == nil && len(a.small)+len(p) > maxSmall {
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

func (a *answers) finish() {
	var found []answer
	if a.large != nil {
		found = a.large.answers()
	} else {
		found = readAnswers(a.small)
	}
	a.large, a.small = nil, a.small[:0]
	for _, f := range found {
		a.found(f)
	}
}

// readAnswers is the answers in a message: none if it is a request or a
// notification, but for one that tells of a task; several if it is a batch.
func readAnswers(message []byte) []answer {
	// A thousand lines of progress should cost little.
	if !bytes.Contains(message, []byte(`"id"`)) && !bytes.Contains(message, []byte(`/tasks`)) {
		return nil
	}
	return parseAnswers(message)
}

func parseAnswers(message []byte) []answer {
	root, err := parse(message, 0)
	if err != nil {
		return nil
	}
	messages := root.elements
	if root.kind == '{' {
		messages = []value{root}
	}
	var found []answer
	for _, m := range messages {
		if method, ok := m.member("method"); ok {
			if f, ok := taskNotice(message, method, m); ok {
				found = append(found, f)
			}
			continue
		}
		id, _ := m.member("id")
		content, failed := m.member("error")
		if !failed {
			content, _ = m.member("result")
		}
		// An answer with a null id belongs to no request.
		if key := idKey(id.raw(message)); key != "" && content.kind != 0 {
			found = append(found, newAnswer(answer{id: key, failed: failed}, content.raw(message)))
		}
	}
	return found
}

// newAnswer is a with a copy of its value.
func newAnswer(a answer, value []byte) answer {
	a.value, a.size = slices.Clone(value), len(value)
	return a
}

// taskNotice is what a notification tells of a task: its status (2025-11-25,
// basic/utilities/tasks, "Task Status Notification") or all that tasks/get
// would answer (the extension io.modelcontextprotocol/tasks, to a client that
// listens).
func taskNotice(message []byte, method, m value) (answer, bool) {
	switch s, _ := method.text(message); s {
	case "notifications/tasks", "notifications/tasks/status":
		params, _ := m.member("params")
		id, _ := params.member("taskId")
		task, ok := id.text(message)
		return newAnswer(answer{task: task}, params.raw(message)), ok
	}
	return answer{}, false
}

// idKey is an id with its type, so that 1 is not "1", but 1 is 1.0: a server
// may write a number in another way. "" is what can be no id.
func idKey(raw []byte) string {
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
