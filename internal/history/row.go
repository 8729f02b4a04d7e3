package history

import (
	"errors"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Row is a call with what came of it, or a record that is neither.
type Row struct {
	*Record

	// Response is the record of the response that counts, or the record itself
	// if one tells both; nil: none is known.
	Response *Record
	// Unanswered is why the log says that there is no response, cut to some
	// 200 bytes; empty if it does not.
	Unanswered string
	// Verdict is why a response, or an unanswered event, is a row of its own:
	// Further, Disagrees or NoCall. It is 0 for any other row.
	Verdict Verdict
	// Context is who made the call, where and with what: see Options.Contexts.
	Context Context

	settled bool // what came of the call is known
	dropped bool // it turned out not to be asked for
}

// newRow is the row of a record of its own, or of a call whose
// outcome is not known yet.
func newRow(r *Record) *Row {
	row := &Row{Record: r}
	if v := r.Says; r.Believed() && IsCall(v) && (v.Version == 2 || v.Version == 3) { // one record for both
		row.Response = r
	}
	return row
}

// size is about how many bytes of memory the row takes.
func (r *Row) size() int {
	n := r.Record.size() + len(r.Unanswered)
	if r.Response != nil && r.Response != r.Record {
		n += r.Response.size()
	}
	return n
}

// IsCall says whether the row is a call that is believed.
func (r *Row) IsCall() bool { return r.Believed() && IsCall(r.Says) }

// Open says whether the outcome of a call is not known. Of what no wrapper has
// logged, none is expected.
func (r *Row) Open() bool { return r.IsCall() && r.Response == nil && IsWrapped(r.Says) }

// An Outcome is how a call ended, or why a record does not count as what it says.
type Outcome string

// Of calls. Executed to Responded are what the response says; a Responded one does
// not say how the call ended.
const (
	Executed   Outcome = "executed"
	Failed     Outcome = "failed"
	Rejected   Outcome = "rejected"
	WantsInput Outcome = "requires_approval" // the server asked for input; the call with it is another
	Checked    Outcome = "verified"
	Responded  Outcome = "responded"
	Open       Outcome = "open"        // nothing is known
	NoResponse Outcome = "no_response" // the log says that there was none
)

// Of other records.
const (
	Unsigned    Outcome = "unsigned"
	Invalid     Outcome = "invalid"
	WithoutCall Outcome = "no_call"   // a response: see NoCall
	NotFirst    Outcome = "further"   // see Further
	OfAnother   Outcome = "disagrees" // see Disagrees
)

// Outcomes are all of them, in the order in which people are told.
var Outcomes = []Outcome{Executed, Failed, Rejected, WantsInput, Checked, Responded, Open, NoResponse, Unsigned, Invalid, WithoutCall, NotFirst, OfAnother}

// Outcome is how a call ended; "" for an event, and for a call that no wrapper has
// logged, of which none is expected.
func (r *Row) Outcome() Outcome {
	switch {
	case errors.Is(r.Err, sign.ErrUnsigned):
		return Unsigned
	case r.Err != nil:
		return Invalid
	case r.Verdict == NoCall:
		return WithoutCall
	case r.Verdict == Further:
		return NotFirst
	case r.Verdict == Disagrees:
		return OfAnother
	case r.Open() && r.Unanswered != "":
		return NoResponse
	case r.Open():
		return Open
	case r.Response == nil:
		return ""
	case r.Response.Says.Outcome.Status == "":
		return Responded
	}
	return Outcome(r.Response.Says.Outcome.Status)
}

// Failed says whether the call failed or was refused.
func (r *Row) Failed() bool {
	return r.Response != nil && (r.Response.Says.Outcome.Status == "failed" || r.Response.Says.Outcome.Status == "rejected")
}

// Target is the server that a call went to, or that an event is about; "" if it names
// none.
func (r *Row) Target() string {
	if r.Says == nil {
		return ""
	}
	return targetOf(r.Says)
}

// counts says whether a limit counts the row: not if it is an event that is believed.
func (r *Row) counts() bool { return !r.Believed() || r.Says.Type == "" || r.Verdict != 0 }

// Took is the time from call to response; false if it is not known.
func (r *Row) Took() (time.Duration, bool) {
	if r.Response == nil || r.Response.Says.Responded.Before(r.Response.Says.Time) {
		return 0, false
	}
	return r.Response.Says.Responded.Sub(r.Response.Says.Time), true
}

// isQuiet says whether an event that is believed is no row of its own: it is about
// calls, and shows with them.
func isQuiet(v *sign.Verified) bool {
	switch v.Event.(type) {
	case event.Session, event.Task, event.Tools, event.Unanswered, event.CallContext, event.NoReceipt, event.Cosigned, event.ParamsApart, event.HashOnly:
		return true
	}
	return false
}

// cutReason is the reason why a call has no response, cut to some 200 bytes.
func cutReason(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strings.Clone(s)
}
