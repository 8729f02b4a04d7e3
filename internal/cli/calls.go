package cli

import (
	"fmt"
	"strings"
)

// calls counts, over a log, the calls that have no outcome and the outcomes
// that have no call. Only sessions that record outcomes count, which is those
// with a session event; it stands behind their first call.
type calls struct {
	waiting    map[string]string   // session by id, of calls without an outcome so far
	sessions   map[string]struct{} // that record outcomes
	unanswered int64               // calls that an event lists as never answered
	orphans    int64               // outcomes of calls that are not in the log
	tooMany    bool                // waiting or sessions is full: nothing is counted
}

// maxCounted bounds what is remembered: a million calls without outcomes take
// some hundred megabytes.
const maxCounted = 1_000_000

func newCalls() calls {
	return calls{waiting: map[string]string{}, sessions: map[string]struct{}{}}
}

// see takes the records in their order.
func (c *calls) see(r checked) {
	if c.tooMany = c.tooMany || len(c.waiting) > maxCounted || len(c.sessions) > maxCounted; c.tooMany {
		return
	}
	switch v := r.v; {
	case v.Type == "session":
		c.sessions[v.Session] = struct{}{}
	case v.Type == "unanswered":
		for id := range r.unanswered {
			if _, ok := c.waiting[id]; ok {
				delete(c.waiting, id)
				c.unanswered++
			}
		}
	case isAnswer(v):
		if _, ok := c.waiting[v.ParentID]; !ok {
			c.orphans++
		}
		delete(c.waiting, v.ParentID)
	case v.Type == "" && v.Version == 1 && strings.HasPrefix(v.Session, "ses_"):
		c.waiting[v.ID] = v.Session
	}
}

// findings are what is to be said under completeness: what is missing, and
// what is accounted for.
func (c *calls) findings() (gaps, notes []string) {
	if c.tooMany {
		return nil, []string{"calls without an outcome are not counted: there are more than a million"}
	}
	var open int64
	for _, session := range c.waiting {
		if _, ok := c.sessions[session]; ok {
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
