package record

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// Checks says whether calls are checked: this is the server's side.
func (r *Recorder) Checks() bool { return r.opts.Check != nil }

// Check says whether calls may go to the server, by the receipts that they carry:
// all calls of one message (Options.Check). If it returns nil they may, and are to be
// given to Calls as they are now: of the receipts that they carry, those that are
// good are left. Otherwise none of them may, and the log gets an event.
func (r *Recorder) Check(calls []Call) *check.Refusal {
	if r.opts.Check == nil {
		return nil
	}
	asked := make([]check.Call, len(calls))
	for i, c := range calls {
		asked[i] = check.Call{Tool: c.Tool, Arguments: c.Arguments, InputResponses: c.InputResponses, Receipt: c.Carried, Ambiguous: c.Doubtful}
	}
	passed, err := r.opts.Check.Check(asked...)
	if refusal, ok := errors.AsType[*check.Refusal](err); ok {
		r.refused(calls, refusal)
		return refusal
	}
	for i, p := range passed {
		calls[i].Carried, calls[i].ParentID = nil, ""
		if p.Receipt != nil {
			calls[i].Carried, calls[i].ParentID = p.Receipt.Canonical, p.Receipt.ID
		} else if r.opts.logsMissing() {
			r.opts.say("a call of %q came without a receipt of its client", calls[i].Tool)
		}
	}
	return nil
}

// logsMissing says whether the log is to say that a call carried no receipt.
func (o *Options) logsMissing() bool { return o.Check != nil && o.Check.Missing() == check.MissingLog }

// refused records that these calls were refused. The server does not get them, so
// nobody waits for the event.
func (r *Recorder) refused(calls []Call, why *check.Refusal) {
	c := &calls[why.Index]
	e := event.CallRefused{
		Session: r.id, Target: r.opts.Target, Tool: text.Clip(c.Tool, maxName), CallID: text.Clip(mcpwire.CallID(c.ID), maxName),
		Reason: string(why.Reason), Detail: shortenTo(why.Detail, maxDetail), Together: int64(len(calls)),
	}
	if c.Arguments != nil {
		e.Arguments, _ = sign.ValueHash(c.Arguments) // they are JSON
	}
	if v := why.Receipt; v != nil {
		e.Receipt, e.Key = v.ID, keyText(v.Signers[0].Key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if err := r.open(); err != nil {
		r.opts.say("that a call was refused is not recorded: %v", err)
		return
	}
	if r.session != nil {
		r.session.begin(c, r.signer)
	}
	r.queue.start(r.signer)
	r.queue.add(item{event: e})
}

// keyText is a public key as receipts have it.
func keyText(key ed25519.PublicKey) string {
	return "ed25519:" + base64.StdEncoding.EncodeToString(key)
}

// maxDetail is the maximum length of a detail, in bytes.
const maxDetail = 400
