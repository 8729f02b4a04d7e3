package wrap

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign"
)

// said is what an answer says of itself.
type said struct {
	isError bool
	input   bool   // 2026-07-28, basic/patterns/mrtr: input_required
	state   string // the stateKey of its requestState
	handle  string // the id of the task that stands for the result

	// Of an answer to tasks/get: how the task stands, and the result or error
	// inside, which is nil if there is none or the answer was too large to keep.
	status        string
	nested        []byte
	nestedFailed  bool
	nestedIsError bool

	code, message string // of an error, the code as sent
}

// says reads the answer, unless that was done as it streamed.
func (a answer) says() said {
	if a.said != nil {
		return *a.said
	}
	root, err := parse(a.value, 0)
	if err != nil {
		return said{}
	}
	if a.failed {
		code, _ := root.member("code")
		return said{code: string(code.raw(a.value)), message: root.memberText(a.value, "message")}
	}
	isError, _ := root.member("isError")
	s := said{isError: isError.kind == 't', status: root.memberText(a.value, "status")}
	switch root.memberText(a.value, "resultType") {
	case "input_required":
		state, _ := root.member("requestState")
		s.input, s.state = true, stateKey(state.raw(a.value))
	case "task": // 2026-07-28, the extension io.modelcontextprotocol/tasks
		s.handle = root.memberText(a.value, "taskId")
	}
	if v, ok := root.member("task"); ok { // 2025-11-25, basic/utilities/tasks
		raw := v.raw(a.value)
		if task, err := parse(raw, 0); err == nil {
			if id := task.memberText(raw, "taskId"); id != "" {
				s.handle = id
			}
		}
	}
	for _, name := range []string{"result", "error"} {
		if v, _ := root.member(name); v.kind == '{' {
			s.nested, s.nestedFailed = v.raw(a.value), name == "error"
		}
	}
	return s
}

// memberText is the string that is the member of that name, "" if it is none.
func (v value) memberText(line []byte, name string) string {
	m, _ := v.member(name)
	s, _ := m.text(line)
	return s
}

// stateKey stands for a requestState, which may be long, and which the client
// repeats as it understood it, not as it was spelled. It is "" for none.
func stateKey(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if s, ok := (value{kind: raw[0], end: len(raw)}).text(raw); ok {
		raw = []byte(s)
	}
	return canon.Hash(raw)
}

// outcome is how the call ended, as the answer tells it.
func (a answer) outcome(hashOnly bool) sign.Outcome {
	switch s := a.says(); {
	case a.failed:
		return sign.Outcome{Status: "failed", Reason: "JSON-RPC error", Error: s.errorText(hashOnly)}
	case a.ended != "":
		return sign.Outcome{Status: "failed", Reason: a.ended}
	case s.input:
		return sign.Outcome{Status: "requires_approval", Reason: "input_required"}
	case s.isError:
		return sign.Outcome{Status: "failed", Reason: "isError"}
	}
	return sign.Outcome{Status: "executed"}
}

// maxErrorText bounds how much of a server's error is repeated, in bytes:
// content_hash stands for all of it.
const maxErrorText = 200

// errorText is the code of a JSON-RPC error and, unless content is to stay out
// of the log, the beginning of its message.
func (s said) errorText(hashOnly bool) string {
	text := s.code
	if s.message != "" && !hashOnly {
		text = strings.TrimPrefix(s.code+": "+s.message, ": ")
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}

// contentHash is H(JCS(result)), or, where that cannot be had, the hash of the
// bytes, and reason then says so (sign/FORMAT.md, "Version 2").
func (a answer) contentHash() (sum, reason string) {
	a = a.hashed()
	if a.raw {
		reason = fmt.Sprintf("content_hash is of the %d bytes as sent", a.size)
	}
	return a.sum, reason
}

// hashed is the answer with its hash in place of its bytes. What they say of the
// outcome stays.
func (a answer) hashed() answer {
	if a.value == nil {
		return a
	}
	b, err := canon.Canonicalize(a.value)
	if err != nil {
		return a.reduced()
	}
	return a.without(canon.Hash(b))
}

// reduced is hashed in a hurry: the bytes are hashed as they were sent.
func (a answer) reduced() answer {
	if a.value == nil {
		return a
	}
	a.raw = true
	return a.without(canon.Hash(a.value))
}

func (a answer) without(sum string) answer {
	s := a.says()
	s.nested = nil
	a.said, a.sum, a.value = &s, sum, nil
	return a
}

func formatSum(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
