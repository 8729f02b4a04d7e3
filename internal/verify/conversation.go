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

// half is one side of a conversation. A log may have millions of calls, so they are kept
// without pointers, and what many have in common is kept once.
type half struct {
	calls   map[history.ID]int32 // the number of a call
	blocks  [][]spoken           // the calls, spokenBlock in each
	refused map[history.ID]bool  // receipts of calls that this side has refused
	names   map[string]int32     // of sessions, tools and statuses: the index in texts
	texts   []string
	left    int64 // calls that are not kept, because there are too many
}

const spokenBlock = 4096

// spoken is a call in one log.
type spoken struct {
	id, parent            history.ID
	params, response      brief
	session, tool, status int32 // in half.texts
	hasParent             bool
	responded             bool // response and status are of its outcome
	raw                   bool // response is of the bytes as sent
	paired                bool
}

// receipt is the id of the call as it is written.
func (c *spoken) receipt() string { return "rec_" + hexOf(c.id) }

func (h *half) at(i int32) *spoken { return &h.blocks[i/spokenBlock][i%spokenBlock] }

// get returns nil if there is no such call.
func (h *half) get(id history.ID) *spoken {
	if i, ok := h.calls[id]; ok {
		return h.at(i)
	}
	return nil
}

// each gives all calls in the order of the log.
func (h *half) each(yield func(*spoken) bool) {
	for i := range int32(len(h.calls)) {
		if !yield(h.at(i)) {
			return
		}
	}
}

// name is the index of a text, which may be part of a record.
func (h *half) name(s string) int32 {
	i, ok := h.names[s]
	if !ok {
		i, s = int32(len(h.texts)), strings.Clone(s)
		h.names[s], h.texts = i, append(h.texts, s)
	}
	return i
}

// take takes a record that is believed.
func (h *half) take(v *sign.Verified) {
	if h.calls == nil {
		h.calls, h.refused, h.names = map[history.ID]int32{}, map[history.ID]bool{}, map[string]int32{}
	}
	if e, ok := v.Event.(event.CallRefused); ok && len(h.refused) < maxExpected {
		if id, ok := history.ParseID(e.Receipt); ok {
			h.refused[id] = true
		}
	}
	switch {
	case history.IsResponse(v):
		id, ok := history.ParseID(v.ParentID)
		if c := h.get(id); ok && c != nil && !c.responded {
			c.responded, c.response, c.status = true, briefOf(v.ResponseHash), h.name(v.Outcome.Status)
			c.raw = strings.Contains(v.Outcome.Reason, "bytes as sent")
		}
	case history.IsWrapped(v):
		id, ok := history.ParseID(v.ID)
		if !ok || h.get(id) != nil {
			return
		}
		n := int32(len(h.calls))
		if n >= maxExpected {
			h.left++
			return
		}
		if n%spokenBlock == 0 {
			h.blocks = append(h.blocks, make([]spoken, spokenBlock))
		}
		h.calls[id] = n
		c := h.at(n)
		*c = spoken{id: id, params: briefOf(v.ParamsHash), session: h.name(v.Session), tool: h.name(v.Tool)}
		c.parent, c.hasParent = history.ParseID(v.ParentID)
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
	Twice    int64 `json:"twice"`              // further calls with the receipt of one of Calls
	Left     int64 `json:"not_compared"`       // of both logs, because there are too many

	First []string `json:"first,omitempty"` // of what differs, one phrase each
}

// differs says that the logs cannot both be right.
func (c *Conversation) differs() bool {
	return c.Request > 0 || c.Response > 0 || c.NotHere > 0 || c.Twice > 0
}

// result is nil if the logs have no call in common.
func (c *conversation) result() *Conversation {
	r := &Conversation{}
	say := func(format string, a ...any) {
		if len(r.First) < maxListed {
			r.First = append(r.First, text.Clip(fmt.Sprintf(format, a...), maxClip))
		}
	}
	r.Left = c.ours.left + c.theirs.left
	ourSessions, theirSessions := map[int32]bool{}, map[int32]bool{}
	pair := func(ours, theirs *spoken) {
		if ours.paired || theirs.paired { // a receipt is good for one call
			r.Twice++
			say("%s: a further call with the receipt of one that both have (%s)", ours.receipt(), theirs.receipt())
		} else {
			r.Calls++
		}
		ours.paired, theirs.paired = true, true
		ourSessions[ours.session], theirSessions[theirs.session] = true, true
		if c.ours.texts[ours.tool] != c.theirs.texts[theirs.tool] || ours.params != theirs.params {
			r.Request++
			say("%s: the other log has another tool or other arguments (%s)", ours.receipt(), theirs.receipt())
		}
		if ours.responded && theirs.responded && !c.agree(ours, theirs) {
			r.Response++
			say("%s: the other log has another response (%s)", ours.receipt(), theirs.receipt())
		}
	}
	refused := func(h *half, call *spoken, session map[int32]bool) {
		if h.refused[call.id] {
			session[call.session] = true
			r.Refused++
			call.paired = true
		}
	}
	for theirs := range c.theirs.each {
		if ours := c.ours.get(theirs.parent); theirs.hasParent && ours != nil {
			pair(ours, theirs)
		}
	}
	for ours := range c.ours.each {
		if theirs := c.theirs.get(ours.parent); ours.hasParent && theirs != nil && !ours.paired {
			pair(ours, theirs)
		}
	}
	for ours := range c.ours.each {
		if !ours.paired {
			refused(&c.theirs, ours, ourSessions)
		}
	}
	for theirs := range c.theirs.each {
		if !theirs.paired {
			refused(&c.ours, theirs, theirSessions)
		}
	}
	rest := func(h, other *half, sessions map[int32]bool, n *int64, what string) {
		for call := range h.each {
			switch {
			case call.paired || !sessions[call.session]:
			case !call.hasParent && !call.responded:
				r.Lost++ // on its way, perhaps
			case other.left > 0:
				r.Left++ // it may be among those
			default:
				*n++
				say("%s (%s): %s", call.receipt(), h.texts[call.tool], what)
			}
		}
	}
	rest(&c.ours, &c.theirs, ourSessions, &r.NotThere, "the other log does not have this call")
	rest(&c.theirs, &c.ours, theirSessions, &r.NotHere, "this log does not have this call of the other one")
	if r.Calls == 0 && r.Refused == 0 {
		return nil
	}
	return r
}

// agree says whether two responses may be the same. A hash of bytes and one of a
// canonical form cannot be compared.
func (c *conversation) agree(ours, theirs *spoken) bool {
	if c.ours.texts[ours.status] != c.theirs.texts[theirs.status] {
		return false
	}
	return ours.response == theirs.response || ours.raw != theirs.raw
}
