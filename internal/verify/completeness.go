package verify

import (
	"crypto/sha256"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Completeness: is anything missing, as far as the log can tell by itself?
type Completeness struct {
	Verdict string   `json:"verdict"`         // "no gap", "gaps" or, if the log was not read to its end, "unchecked"
	Gaps    []string `json:"gaps,omitempty"`  // one phrase each
	Notes   []string `json:"notes,omitempty"` // what is accounted for

	// SystemLog is the state of Heads: "all", "partial", "unreadable" or
	// "absent"; "" if the system's log was not asked.
	SystemLog string           `json:"system_log,omitempty"`
	Heads     *HeadsResult     `json:"heads,omitempty"`    // what the system's log has kept of the log
	Against   []*HeadsResult   `json:"against,omitempty"`  // and what files from elsewhere have
	Expected  []ExpectedResult `json:"expected,omitempty"` // hashes and receipts that others kept

	Confirmed []Confirmer `json:"confirmed,omitempty"` // keys of servers' sides that confirm outcomes

	Archived *Archived `json:"archived,omitempty"` // days that are not there any more; nil: none

	Anchored *Anchored `json:"anchored,omitempty"` // up to where others have seen the log; nil: it was not read to its end
}

// outcomes counts, over a log, the calls that have no outcome and the outcomes
// that fit no call. Only sessions that record outcomes count, which is those with
// a session event; it follows their first call.
type outcomes struct {
	join     *history.Join[uint32]        // with the numbers of sessions; nil: too many, nothing is counted
	sessions map[[sha256.Size]byte]uint32 // numbers, from 0 on, by the hashes of names, which may be long
	records  []bool                       // by number: the session records outcomes

	unanswered int64 // calls that an event lists as without a response
	orphans    int64 // outcomes of calls that are not in the log, or were settled long before
	foreign    int64 // outcomes that do not fit their calls
	further    int64 // outcomes of calls that have one, and events about further responses
	copied     int64 // receipts of outcomes that came earlier
}

// maxCounted bounds memory: a million calls without outcomes take
// some 100 MB, and a million sessions 150.
const maxCounted = 1_000_000

func newOutcomes() *outcomes {
	return &outcomes{join: history.NewJoin[uint32](), sessions: map[[sha256.Size]byte]uint32{}}
}

// session is the number of a session.
func (o *outcomes) session(name string) uint32 {
	key := sha256.Sum256([]byte(name))
	n, ok := o.sessions[key]
	if !ok {
		n = uint32(len(o.sessions))
		o.sessions[key] = n
		o.records = append(o.records, false)
	}
	return n
}

// see takes what is believed, in its order.
func (o *outcomes) see(v *sign.Verified) {
	if o.join == nil {
		return
	}
	if o.join.Waiting() > maxCounted || len(o.sessions) > maxCounted {
		*o = outcomes{}
		return
	}
	switch e := v.Event.(type) {
	case event.Session:
		o.records[o.session(e.Session)] = true
	case event.ExtraResponse:
		o.further++
	case event.Unanswered:
		for _, call := range e.Calls {
			switch _, verdict := o.join.Unanswered(v, call.ID); verdict {
			case history.Counts:
				o.unanswered++
			case history.Disagrees:
				o.foreign++
			}
		}
	}
	switch {
	case history.IsResponse(v):
		switch _, verdict := o.join.Response(v); verdict {
		case history.NoCall:
			o.orphans++
		case history.Disagrees:
			o.foreign++
		case history.Further:
			o.further++
		case history.Copy:
			o.copied++
		}
	case history.IsWrapped(v):
		o.join.Call(v, o.session(v.Session))
	}
}

// findings are what is to be said under completeness: what is missing, and what
// is accounted for. In part of a log, the call of an outcome may be elsewhere.
func (o *outcomes) findings(part bool) (gaps, notes []string) {
	if o.join == nil {
		return nil, []string{"calls without an outcome are not counted: there are more than a million"}
	}
	gap := func(n int64, what, rest string) {
		if n > 0 {
			gaps = append(gaps, text.Count(n, what)+rest)
		}
	}
	note := func(n int64, what, rest string) {
		if n > 0 {
			notes = append(notes, text.Count(n, what)+rest)
		}
	}
	gap(o.foreign, "outcome", " of another signer, session, tool, target or time than the call: not believed")
	gap(o.copied, "outcome", " copied: the log has the same receipt earlier")
	note(o.further, "further response", " to calls that had one: the first counts, and clients may differ")
	note(o.unanswered, "call", " without a response: the log says so, and why")
	if !part {
		// A Join forgets calls in the end.
		gap(o.orphans, "outcome", " of calls that are not in the log, or that had an outcome at least 10,000 calls before")
	}
	var open int64
	for session := range o.join.Calls() {
		if o.records[session] {
			open++
		}
	}
	note(open, "call", " without an outcome: in flight now, or the wrapper was killed")
	return gaps, notes
}
