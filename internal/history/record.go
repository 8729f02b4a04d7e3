package history

import (
	"errors"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Record is a record of the log as it was read. Its Receipt is in canonical
// form, whatever its spelling in the log, if it has one.
type Record struct {
	chain.Entry
	Says *sign.Verified // nil: it is no receipt and no event
	Err  error          // why it is not believed; set by check

	beside  []byte // its arguments, if they are in a file beside the log
	checked bool
	of      ID   // set instead of all but Entry in a response that is not read yet: its call's
	listed  bool // as a row of its own
}

// ErrHash is why a record is not believed whose record_hash is not that of its
// receipt and prev_hash. The other errors are those of sign.Verify.
var ErrHash = errors.New("its hash is not that of the record")

// newRecord reads a record without checking it. The slices are those of e, or of
// its canonical form.
func newRecord(e chain.Entry) *Record {
	r := &Record{Entry: e}
	v, err := sign.ReadUnverified(e.Receipt)
	if err != nil {
		r.Err, r.checked = err, true
		return r
	}
	r.Says, r.Receipt = v, v.Canonical
	return r
}

// read reads a record that was left, and checks it.
func (r *Record) read(verifier *sign.Verifier) {
	if (r.of != ID{}) {
		*r = *newRecord(r.Entry)
		r.check(verifier)
	}
}

// check finds out whether the record is to be believed.
func (r *Record) check(verifier *sign.Verifier) {
	if r.checked {
		return
	}
	r.checked = true
	v, err := verifier.Verify(r.Receipt, sign.AnyKey)
	if err == nil {
		v.Supply(r.beside)
		r.Says = v
		if r.Entry.Check() != nil {
			err = ErrHash
		}
	}
	r.Err = err
}

// Believed says whether the record's hash and signatures are good.
func (r *Record) Believed() bool { return r.checked && r.Err == nil }

// size is about how many bytes of memory the record takes.
func (r *Record) size() int { return 2*len(r.Raw) + len(r.beside) + 512 }

// supply gives the record of a call the arguments that a file beside the log has for it.
// Those that are not what was signed are left there: package verify reports them.
func (r *Record) supply(files *chain.BesideReader) {
	if r.Says == nil || !r.Says.HashOnly || !IsCall(r.Says) {
		return
	}
	files.Lines(r.File, r.Says.ID, func(line []byte) { // what cannot be read is not there
		if _, arguments, ok := sign.ReadBeside(line); ok && r.Says.Supply(arguments) {
			r.beside = arguments
		}
	})
}

// unansweredBy is the event that a record is, if it is believed.
func unansweredBy(r *Record) (e event.Unanswered, ok bool) {
	if r.Believed() {
		e, ok = r.Says.Event.(event.Unanswered)
	}
	return e, ok
}
