package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// deed is a call with what came of it, or a record that is neither.
type deed struct {
	e chain.Entry
	v *sign.Verified // nil: it is no receipt

	answer     *sign.Verified // of version 2, or v itself if that tells both; nil: none is known
	answerRaw  []byte         // its record
	unanswered string         // why the log says that there is no answer

	dropped bool // it is nothing: see joiner
}

// size is how many bytes of the log it holds.
func (d *deed) size() int { return len(d.e.Raw) + len(d.answerRaw) }

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

// isQuiet says whether a record is no deed of its own, but an event that tells of
// calls and shows with them.
func isQuiet(v *sign.Verified) bool {
	if v == nil {
		return false
	}
	switch v.Event.(type) {
	case event.Session, event.Task, event.Tools, event.Unanswered:
		return true
	}
	return false
}

// newDeed is a deed of a record that lasts.
func newDeed(e chain.Entry, v *sign.Verified) *deed {
	d := &deed{e: e, v: v}
	if v != nil && v.Version > 1 && v.Version < 4 { // one record for both
		d.answer = v
	}
	return d
}

// joiner brings calls and answers together as they are read, oldest first: a
// deed that is asked for is put when its outcome is known, in the order of the
// calls, and at the latest when too many wait behind it.
type joiner struct {
	f       *auditFilter
	put     func(*deed) error
	waiting []*deed
	byID    map[string]*deed // of those waiting, the calls whose outcome is not known yet
	dropped int              // of those waiting, the ones that turned out not to be asked for
	held    int              // bytes of records that wait
}

// Bounds of what is held, in deeds and in bytes of their records: while they wait
// for an answer, and of what a limit asks for before it is read twice. Tests
// lower some.
var (
	maxDeeds = 10_000
	maxKept  = 1_000
)

const (
	maxHeld     = 64 << 20
	maxKeptSize = 16 << 20
)

func newJoiner(f *auditFilter, put func(*deed) error) *joiner {
	return &joiner{f: f, put: put, byID: map[string]*deed{}}
}

// take takes the next record.
func (j *joiner) take(s seen) error {
	if s.parent != nil {
		if j.byID[string(s.parent)] == nil {
			return nil
		}
		s.readIt()
	}
	switch v := s.v; {
	case isQuiet(v):
		never, _ := v.Event.(event.Unanswered)
		for _, c := range never.Calls {
			if d := j.byID[c.ID]; d != nil {
				d.unanswered = c.Reason
				j.settle(d)
			}
		}
	case isAnswer(v) && j.byID[v.ParentID] != nil:
		d := j.byID[v.ParentID]
		d.answer, d.answerRaw = v, s.e.Raw
		j.held += len(d.answerRaw)
		j.settle(d)
	case j.f.about(&s.e, v):
		d := newDeed(s.e, v)
		j.waiting = append(j.waiting, d)
		j.held += d.size()
		if d.open() {
			j.byID[v.ID] = d
		} else if !j.f.ended(d) {
			j.drop(d)
		}
	}
	return j.advance(maxDeeds, maxHeld)
}

// settle is called when the outcome of a deed is known.
func (j *joiner) settle(d *deed) {
	delete(j.byID, d.v.ID)
	if !j.f.ended(d) {
		j.drop(d)
	}
}

// drop frees what a deed holds that is not asked for.
func (j *joiner) drop(d *deed) {
	j.held -= d.size()
	*d = deed{dropped: true}
	if j.dropped++; j.dropped > maxDeeds+len(j.waiting)/2 {
		j.waiting, j.dropped = slices.DeleteFunc(j.waiting, func(d *deed) bool { return d.dropped }), 0
	}
}

// end puts all that still waits.
func (j *joiner) end() error { return j.advance(-1, -1) }

func (j *joiner) advance(most, bytes int) error {
	for len(j.waiting) > 0 {
		d := j.waiting[0]
		if !d.dropped && d.isCall() && j.byID[d.v.ID] == d {
			if len(j.waiting)-j.dropped <= most && j.held <= bytes {
				return nil
			}
			delete(j.byID, d.v.ID)
		}
		j.waiting[0] = nil
		j.waiting = j.waiting[1:]
		if d.dropped {
			j.dropped--
			continue
		}
		j.held -= d.size()
		if !j.f.ended(d) {
			continue
		}
		if err := j.put(d); err != nil {
			return err
		}
	}
	return nil
}

// isAnswer says whether v answers a call that has a receipt of its own.
func isAnswer(v *sign.Verified) bool {
	return v != nil && v.Type == "" && v.Version == 2 && v.ParentID != ""
}
