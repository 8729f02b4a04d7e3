package record

import (
	"bytes"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
)

// maxNoted is the maximum length of a message that is searched for requests besides
// calls, in bytes. The requests that matter are short.
const maxNoted = 64 << 10

// noted are the parts of the other methods that matter. A message with one of them
// contains these bytes also where the slash is escaped, as PHP does.
var noted = [][]byte{[]byte(`"initialize"`), []byte(`/discover"`), []byte(`/list"`), []byte(`"tasks`), []byte(`/cancelled"`)}

// Sent looks at a message of the client before it goes to the server, for a program
// that does not use Request. It is for messages without calls, and for batches that
// have other messages beside calls.
func (r *Recorder) Sent(message []byte) {
	if r.session != nil {
		r.session.sent(message)
	}
}

func (s *session) sent(message []byte) {
	if len(message) > maxNoted {
		s.pending.used("")
		return
	}
	for _, method := range noted {
		if bytes.Contains(message, method) {
			s.note(message)
			return
		}
	}
	if s.pending.remembers() {
		s.pending.used(mcpwire.IDIn(message))
	}
}

func (s *session) note(message []byte) {
	root, err := mcpwire.Parse(message, 0)
	if err != nil {
		return
	}
	messages := root.Elements
	if root.Kind == '{' {
		messages = []mcpwire.Value{root}
	}
	for _, m := range messages {
		id, _ := m.Member("id")
		params, _ := m.Member("params")
		key := mcpwire.IDKey(id.Raw(message))
		task := mcpwire.TaskKey(params.MemberText(message, "taskId"))
		switch m.MemberText(message, "method") {
		case "initialize", "server/discover":
			s.mu.Lock()
			s.peers.clientSays(message, params)
			s.mu.Unlock()
			s.pending.sent(key, aboutServer, "")
		case "tools/list":
			what := aboutTools
			if cursor, ok := params.Member("cursor"); ok && cursor.Kind == '"' {
				what = aboutMoreTools
			}
			s.pending.sent(key, what, "")
		case "tasks/result":
			s.output.catchUp()
			s.pending.sent(key, aboutTaskResult, task)
		case "tasks/get":
			s.output.catchUp()
			s.pending.sent(key, aboutTask, task)
		case "tasks/cancel":
			s.output.catchUp()
			s.pending.taskCancelled(task)
			s.pending.sent(key, aboutTask, task)
		case "notifications/cancelled":
			id, _ := params.Member("requestId")
			s.pending.cancelled(mcpwire.IDKey(id.Raw(message)))
		default:
			if key != "" {
				s.pending.used(key)
			}
		}
	}
}

// parentOf returns the id of the receipt of the call that asked for the input that
// c gives, "" if there is none (2026-07-28, basic/patterns/mrtr).
func (s *session) parentOf(c *Call, paramsHash sign.Hash) string {
	s.output.catchUp()
	return s.pending.requesterOf(mcpwire.StateKey(c.RequestState), c.Tool, paramsHash)
}
