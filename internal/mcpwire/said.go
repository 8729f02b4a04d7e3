package mcpwire

import (
	"encoding/hex"
	"fmt"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// Said is what an answer says of itself.
type Said struct {
	IsError bool
	Input   bool   // 2026-07-28, basic/patterns/mrtr: input_required
	State   string // the stateKey of its requestState
	Handle  string // the id of the task that stands for the result

	// Of an answer to tasks/get: how the task stands, and the result or error
	// inside, which is nil if there is none or the answer was too large to keep.
	Status        string
	Nested        []byte
	NestedFailed  bool
	NestedIsError bool

	Code, Message string // of an error, the code as sent
}

// Says reads the answer, unless that was done as it streamed.
func (a Response) Says() Said {
	if a.Said != nil {
		return *a.Said
	}
	root, err := Parse(a.Value, 0)
	if err != nil {
		return Said{}
	}
	if a.Failed {
		code, _ := root.Member("code")
		return Said{Code: string(code.Raw(a.Value)), Message: root.MemberText(a.Value, "message")}
	}
	isError, _ := root.Member("isError")
	s := Said{IsError: isError.Kind == 't', Status: root.MemberText(a.Value, "status")}
	switch root.MemberText(a.Value, "resultType") {
	case "input_required":
		state, _ := root.Member("requestState")
		s.Input, s.State = true, stateKey(state.Raw(a.Value))
	case "task": // 2026-07-28, the extension io.modelcontextprotocol/tasks
		s.Handle = root.MemberText(a.Value, "taskId")
	}
	if v, ok := root.Member("task"); ok { // 2025-11-25, basic/utilities/tasks
		raw := v.Raw(a.Value)
		if task, err := Parse(raw, 0); err == nil {
			if id := task.MemberText(raw, "taskId"); id != "" {
				s.Handle = id
			}
		}
	}
	for _, name := range []string{"result", "error"} {
		if v, _ := root.Member(name); v.Kind == '{' {
			s.Nested, s.NestedFailed = v.Raw(a.Value), name == "error"
		}
	}
	return s
}

// MemberText is the string that is the member of that name, "" if it is none.
func (v Value) MemberText(line []byte, name string) string {
	m, _ := v.Member(name)
	s, _ := m.Text(line)
	return s
}

// stateKey stands for a requestState, which may be long, and which the client
// repeats as it understood it, not as it was spelled. It is "" for none.
func stateKey(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if s, ok := (Value{Kind: raw[0], end: len(raw)}).Text(raw); ok {
		raw = []byte(s)
	}
	return canon.Hash(raw)
}

// ContentHash is H(JCS(result)), or, where that cannot be had, the hash of the
// bytes, and reason then says so (sign/FORMAT.md, "Version 2").
func (a Response) ContentHash() (sum, reason string) {
	a = a.Hashed()
	if a.raw {
		reason = fmt.Sprintf("content_hash is of the %d bytes as sent", a.size)
	}
	return a.Sum, reason
}

// Hashed is the answer with its hash in place of its bytes. What they say of the
// outcome stays.
func (a Response) Hashed() Response {
	if a.Value == nil {
		return a
	}
	b, err := canon.Canonicalize(a.Value)
	if err != nil {
		return a.Reduced()
	}
	return a.without(canon.Hash(b))
}

// Reduced is hashed in a hurry: the bytes are hashed as they were sent.
func (a Response) Reduced() Response {
	if a.Value == nil {
		return a
	}
	a.raw = true
	return a.without(canon.Hash(a.Value))
}

func (a Response) without(sum string) Response {
	s := a.Says()
	s.Nested = nil
	a.Said, a.Sum, a.Value = &s, sum, nil
	return a
}

func FormatSum(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
