package verify

import (
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A conversation is the calls of two logs: that of a client's wrapper, and that of the
// check in front of its server. A call of the check names the receipt of the wrapper
// as its parent. Only what is believed counts.
type conversation struct{ ours, theirs half }

// half is one side of a conversation.
type half struct {
	calls   map[history.ID]*spoken
	refused map[history.ID]bool // receipts of calls that this side has refused
}

// spoken is a call in one log.
type spoken struct {
	id, session string
	parent      history.ID
	hasParent   bool
	tool        string
	params      sign.Hash
	response    *sign.Verified // nil: no outcome
	paired      bool
}

// take takes a record that is believed.
func (h *half) take(v *sign.Verified) {
	if h.calls == nil {
		h.calls, h.refused = map[history.ID]*spoken{}, map[history.ID]bool{}
	}
	if e, ok := v.Event.(event.CallRefused); ok {
		if id, ok := history.ParseID(e.Receipt); ok {
			h.refused[id] = true
		}
	}
	switch {
	case len(h.calls) >= maxExpected:
	case history.IsResponse(v):
		if id, ok := history.ParseID(v.ParentID); ok && h.calls[id] != nil && h.calls[id].response == nil {
			h.calls[id].response = &sign.Verified{ResponseHash: v.ResponseHash, Outcome: v.Outcome}
		}
	case history.IsWrapped(v):
		if id, ok := history.ParseID(v.ID); ok && h.calls[id] == nil {
			c := &spoken{id: v.ID, session: v.Session, tool: v.Tool, params: v.ParamsHash}
			c.parent, c.hasParent = history.ParseID(v.ParentID)
			h.calls[id] = c
		}
	}
}

// Conversation is what comparing the logs of the two sides of calls came to. It is part
// of Expected.
type Conversation struct {
	Calls    int64 `json:"calls"`              // that both have
	NotThere int64 `json:"not_there"`          // that only the log verified has
	NotHere  int64 `json:"not_here"`           // that only the other log has
	Lost     int64 `json:"lost"`               // that only the client's log has, without a response
	Refused  int64 `json:"refused"`            // that the server's side has refused
	Request  int64 `json:"different_request"`  // of Calls, with another tool or other arguments
	Response int64 `json:"different_response"` // of Calls, with another result or outcome

	First []string `json:"first,omitempty"` // of what differs, one phrase each
}

// differs says that the logs cannot both be right.
func (c *Conversation) differs() bool { return c.Request > 0 || c.Response > 0 || c.NotHere > 0 }

// result is nil if the logs have no call in common.
func (c *conversation) result() *Conversation {
	r := &Conversation{}
	say := func(format string, a ...any) {
		if len(r.First) < maxListed {
			r.First = append(r.First, text.Clip(fmt.Sprintf(format, a...), maxClip))
		}
	}
	ourSessions, theirSessions := map[string]bool{}, map[string]bool{}
	pair := func(ours, theirs *spoken) {
		ours.paired, theirs.paired = true, true
		ourSessions[ours.session], theirSessions[theirs.session] = true, true
		r.Calls++
		if ours.tool != theirs.tool || ours.params != theirs.params {
			r.Request++
			say("%s: the other log has another tool or other arguments (%s)", ours.id, theirs.id)
		}
		if a, b := ours.response, theirs.response; a != nil && b != nil && !agree(a, b) {
			r.Response++
			say("%s: the other log has another response (%s)", ours.id, theirs.id)
		}
	}
	refused := func(h *half, call *spoken, session map[string]bool) bool {
		id, ok := history.ParseID(call.id)
		if !ok || !h.refused[id] {
			return false
		}
		session[call.session] = true
		r.Refused++
		call.paired = true
		return true
	}
	for _, theirs := range c.theirs.calls {
		if ours := c.ours.calls[theirs.parent]; theirs.hasParent && ours != nil {
			pair(ours, theirs)
		}
	}
	for _, ours := range c.ours.calls {
		if theirs := c.theirs.calls[ours.parent]; ours.hasParent && theirs != nil && !ours.paired {
			pair(ours, theirs)
		}
	}
	for _, ours := range c.ours.calls {
		if !ours.paired {
			refused(&c.theirs, ours, ourSessions)
		}
	}
	for _, theirs := range c.theirs.calls {
		if !theirs.paired {
			refused(&c.ours, theirs, theirSessions)
		}
	}
	rest := func(h *half, sessions map[string]bool, n *int64, what string) {
		for _, call := range h.calls {
			if call.paired || !sessions[call.session] {
				continue
			}
			if !call.hasParent && call.response == nil {
				r.Lost++ // on its way, perhaps
				continue
			}
			*n++
			say("%s (%s): %s", call.id, call.tool, what)
		}
	}
	rest(&c.ours, ourSessions, &r.NotThere, "the other log does not have this call")
	rest(&c.theirs, theirSessions, &r.NotHere, "this log does not have this call of the other one")
	if r.Calls == 0 && r.Refused == 0 {
		return nil
	}
	return r
}

// agree says whether two responses may be the same. A hash of bytes and one of a
// canonical form cannot be compared.
func agree(a, b *sign.Verified) bool {
	const bytes = "bytes as sent"
	if a.Outcome.Status != b.Outcome.Status {
		return false
	}
	return a.ResponseHash == b.ResponseHash || strings.Contains(a.Outcome.Reason, bytes) != strings.Contains(b.Outcome.Reason, bytes)
}
