package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// deed is a call with what came of it, or a record that is neither.
type deed struct {
	e chain.Entry
	v *sign.Verified // nil: it is no receipt

	answer     *sign.Verified // of version 2, or v itself if that tells both; nil: none is known
	answerRaw  []byte         // its record
	unanswered string         // why the log says that there is no answer
}

// open says whether the outcome of a call is not known. Of what no wrapper has
// logged, none is expected.
func (d *deed) open() bool {
	return d.isCall() && d.answer == nil && strings.HasPrefix(d.v.Session, "ses_")
}

func (d *deed) failed() bool {
	return d.answer != nil && (d.answer.Outcome.Status == "failed" || d.answer.Outcome.Status == "rejected")
}

func (d *deed) isCall() bool { return d.v != nil && d.v.Type == "" }

// outcome is how the call ended, in two words at most.
func (d *deed) outcome() string {
	switch {
	case d.open() && d.unanswered != "":
		return "no answer"
	case d.open():
		return "open"
	case d.answer == nil:
		return ""
	case d.answer.Outcome.Status == "requires_approval":
		return "wants input"
	case d.answer.Outcome.Status == "":
		return "answered"
	}
	return d.answer.Outcome.Status
}

// took is the time from call to answer, as a person says it; "" if not known.
func (d *deed) took() string {
	if d.answer == nil || d.answer.Responded.Before(d.answer.Time) {
		return ""
	}
	t := d.answer.Responded.Sub(d.answer.Time)
	switch {
	case t < time.Second:
		return t.Round(time.Millisecond).String()
	case t < time.Minute:
		return t.Round(100 * time.Millisecond).String()
	}
	return t.Round(time.Second).String()
}

// quiet are the events that tell of calls, and show with them.
var quiet = []string{"session", "task", "tools", "unanswered"}

// isQuiet says whether a record is no deed of its own.
func isQuiet(v *sign.Verified) bool { return v != nil && slices.Contains(quiet, v.Type) }

// joiner brings calls and answers together as they are read, oldest first: a
// deed is passed on when its outcome is known, in the order of the calls, and
// at the latest when too many wait behind it.
type joiner struct {
	pass    func(*deed) error
	waiting []*deed
	byID    map[string]*deed
	held    int // bytes of records that wait
}

// Bounds of what waits for an answer.
const (
	maxDeeds = 10_000
	maxHeld  = 64 << 20
)

func newJoiner(pass func(*deed) error) *joiner {
	return &joiner{pass: pass, byID: map[string]*deed{}}
}

func (j *joiner) put(e chain.Entry, v *sign.Verified) error {
	switch {
	case v != nil && v.Type == "unanswered":
		for id, reason := range unansweredCalls(e.Receipt) {
			if d := j.byID[id]; d != nil {
				d.unanswered = reason
				delete(j.byID, id)
			}
		}
	case isQuiet(v):
	case isAnswer(v) && j.byID[v.ParentID] != nil:
		d := j.byID[v.ParentID]
		d.answer, d.answerRaw = v, slices.Clone(e.Raw)
		delete(j.byID, v.ParentID)
	default:
		d := newDeed(e, v)
		j.waiting = append(j.waiting, d)
		j.held += len(d.e.Raw)
		if d.open() {
			j.byID[v.ID] = d
		}
	}
	return j.advance(maxDeeds, maxHeld)
}

// end passes on all that still waits.
func (j *joiner) end() error { return j.advance(-1, -1) }

func (j *joiner) advance(most, bytes int) error {
	for len(j.waiting) > 0 {
		d := j.waiting[0]
		if d.isCall() && j.byID[d.v.ID] == d {
			if len(j.waiting) <= most && j.held <= bytes {
				return nil
			}
			delete(j.byID, d.v.ID)
		}
		j.waiting = j.waiting[1:]
		j.held -= len(d.e.Raw)
		if err := j.pass(d); err != nil {
			return err
		}
	}
	return nil
}

// newDeed keeps a record, whose bytes do not last.
func newDeed(e chain.Entry, v *sign.Verified) *deed {
	e.Raw, e.Receipt = slices.Clone(e.Raw), slices.Clone(e.Receipt)
	d := &deed{e: e}
	if v != nil {
		d.v, _ = sign.Read(e.Receipt)
	}
	if v != nil && v.Version > 1 && v.Version < 4 { // one record for both
		d.answer = d.v
	}
	return d
}

// isAnswer says whether v answers a call that has a receipt of its own.
func isAnswer(v *sign.Verified) bool {
	return v != nil && v.Type == "" && v.Version == 2 && v.ParentID != ""
}

// unansweredCalls are the receipts that an unanswered event lists, and why.
func unansweredCalls(receipt []byte) map[string]string {
	var event struct {
		Calls []struct{ Call, Reason string }
	}
	calls := map[string]string{}
	if json.Unmarshal(receipt, &event) == nil {
		for _, c := range event.Calls {
			calls[c.Call] = strings.Clone(c.Reason)
		}
	}
	return calls
}

// backJoiner is joiner for records that are read newest first, where answers
// come before their calls.
type backJoiner struct {
	answers    map[string]*deed // by the id of the call
	unanswered map[string]string
}

func newBackJoiner() *backJoiner {
	return &backJoiner{answers: map[string]*deed{}, unanswered: map[string]string{}}
}

// take returns the deed that the record completes, nil if there is none yet.
func (j *backJoiner) take(e chain.Entry, v *sign.Verified) *deed {
	switch {
	case v != nil && v.Type == "unanswered":
		for id, reason := range unansweredCalls(e.Receipt) {
			j.unanswered[id] = reason
		}
		return nil
	case isQuiet(v):
		return nil
	case isAnswer(v) && len(j.answers) < maxDeeds:
		j.answers[strings.Clone(v.ParentID)] = newDeed(e, v)
		return nil
	}
	d := newDeed(e, v)
	if !d.isCall() {
		return d
	}
	if a := j.answers[d.v.ID]; a != nil {
		d.answer, d.answerRaw = a.v, a.e.Raw
		delete(j.answers, d.v.ID)
	}
	d.unanswered = j.unanswered[d.v.ID]
	return d
}
