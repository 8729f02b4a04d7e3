package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// calls counts, over a log, the calls that have no outcome and the outcomes
// that have no call. Only sessions that record outcomes count, which is those
// with a session event; it stands behind their first call.
type calls struct {
	waiting    map[callID]uint32            // calls without an outcome so far, and the numbers of their sessions
	sessions   map[[sha256.Size]byte]uint32 // numbers, from 0 on, by the hashes of names, which may be long
	records    []bool                       // by number: the session records outcomes
	unanswered int64                        // calls that an event lists as never answered
	orphans    int64                        // outcomes of calls that are not in the log
	tooMany    bool                         // waiting or sessions is full: nothing is counted
}

// callID is the id of a receipt without "rec_", which makes a map of a million
// a quarter as large.
type callID [16]byte

// parseCallID is false for what is no receipt's id; sign.Verify accepts none of
// the kind.
func parseCallID(s string) (id callID, ok bool) {
	digits, ok := strings.CutPrefix(s, "rec_")
	if !ok || len(digits) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil && digits == strings.ToLower(digits)
}

// maxCounted bounds what is remembered: a million calls without outcomes take
// some 50 MB, and a million sessions 150.
const maxCounted = 1_000_000

func newCalls() calls {
	return calls{waiting: map[callID]uint32{}, sessions: map[[sha256.Size]byte]uint32{}}
}

// session is the number of a session.
func (c *calls) session(name string) uint32 {
	key := sha256.Sum256([]byte(name))
	n, ok := c.sessions[key]
	if !ok {
		n = uint32(len(c.sessions))
		c.sessions[key] = n
		c.records = append(c.records, false)
	}
	return n
}

// see takes the records in their order.
func (c *calls) see(r checked) {
	if c.tooMany {
		return
	}
	if len(c.waiting) > maxCounted || len(c.sessions) > maxCounted {
		*c = calls{tooMany: true}
		return
	}
	switch e := r.v.Event.(type) {
	case event.Session:
		c.records[c.session(e.Session)] = true
	case event.Unanswered:
		for _, call := range e.Calls {
			if c.answered(call.ID) {
				c.unanswered++
			}
		}
	}
	switch v := r.v; {
	case history.IsResponse(v):
		if !c.answered(v.ParentID) {
			c.orphans++
		}
	case isWrapped(v):
		if id, ok := parseCallID(v.ID); ok {
			c.waiting[id] = c.session(v.Session)
		}
	}
}

// isWrapped says whether v is a call that went through a wrapper.
func isWrapped(v *sign.Verified) bool {
	return v.Type == "" && v.Version == 1 && strings.HasPrefix(v.Session, "ses_")
}

// answered takes a call off those that wait, if it is one of them.
func (c *calls) answered(id string) bool {
	key, ok := parseCallID(id)
	if ok {
		_, ok = c.waiting[key]
		delete(c.waiting, key)
	}
	return ok
}

// findings are what is to be said under completeness: what is missing, and
// what is accounted for.
func (c *calls) findings() (gaps, notes []string) {
	if c.tooMany {
		return nil, []string{"calls without an outcome are not counted: there are more than a million"}
	}
	var open int64
	for _, session := range c.waiting {
		if c.records[session] {
			open++
		}
	}
	if c.orphans > 0 {
		gaps = append(gaps, fmt.Sprintf("%s of calls that are not in the log", count(c.orphans, "outcome")))
	}
	if c.unanswered > 0 {
		notes = append(notes, fmt.Sprintf("%s never answered: audit --open lists them", count(c.unanswered, "call")))
	}
	if open > 0 {
		notes = append(notes, fmt.Sprintf("%s without an outcome: in flight now, or the wrapper was killed", count(open, "call")))
	}
	return gaps, notes
}
