package record

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// MaxCosigned is the maximum length of a response that is cosigned, in bytes, without
// its line end or header.
const MaxCosigned = 1 << 20

// Cosigns says whether the next response is to be held for Cosign: a call waits whose
// receipt has passed the check (Options.Cosign).
func (r *Recorder) Cosigns() bool {
	return r.opts.Cosign && r.session != nil && r.session.pending.cosigned.Load() > 0
}

// Cosign is [Recorder.Response] for a whole message of the server that is held, on
// the server's side. It returns what the client is to get: the message, or the
// message with a receipt of version 3 in the _meta of its result, if it is the
// response to a call whose receipt has passed the check.
func (r *Recorder) Cosign(message []byte) []byte {
	s := r.session
	if s == nil {
		return message
	}
	now := time.Now()
	x := &cosigning{message: message, alone: true, key: r.opts.MetaKey, signer: s.queue.signer, silent: &s.silent}
	responses := mcpwire.Responses(message, s.listed())
	x.alone = len(responses) == 1 && !responses[0].Unreadable
	for _, a := range responses {
		a.At = now
		s.foundWith(a, x)
	}
	return x.message
}

// cosigning is a message that is held to be cosigned.
type cosigning struct {
	message []byte
	alone   bool // it is one response
	key     string
	signer  *sign.Signer
	silent  *atomic.Bool // of the session
}

// sign puts the receipt into the message. It returns the response with its hash, and
// why it is not cosigned, if it is not.
func (x *cosigning) sign(c *loggedCall, a mcpwire.Response) (mcpwire.Response, string) {
	place, ok := mcpwire.ResultPlace(x.message, x.key)
	switch {
	case !x.alone:
		return a, "it came in a batch"
	case a.Failed:
		return a, "an error has no place for a receipt"
	case a.Doubt != "":
		return a, "clients may read it differently"
	case !ok:
		return a, "its result has no place for a receipt"
	}
	a = a.Hashed()
	sum, reason := a.ContentHash()
	outcome := outcomeOf(a, c.hidesArguments())
	outcome.Reason = join(outcome.Reason, reason)
	cosign := func() (*sign.Receipt, error) { return x.signer.Cosign(c.carried, sum, outcome, a.At) }
	var receipt *sign.Receipt
	var err error
	switch {
	case !x.signer.Held():
		receipt, err = cosign()
	case x.silent.Load(): // or each response that waits for another would wait as long again
		err = sshagent.ErrSilent
	default: // as long as a call would wait for it
		receipt, err = signBy(time.Now().Add(signLimit), func() {}, cosign)
		x.silent.Store(errors.Is(err, sshagent.ErrSilent))
	}
	if err != nil {
		return a, err.Error()
	}
	x.message = place.Insert(x.message, receipt.JSON)
	return a, ""
}

// cosigned says in the response to a call why it is not cosigned, if it should be.
func (s *session) cosigned(c *loggedCall, a mcpwire.Response, x *cosigning) mcpwire.Response {
	why := "it is longer than 1 MiB, or the call came while it streamed"
	if x != nil {
		a, why = x.sign(c, a)
	}
	if why != "" {
		a.Doubt = join(a.Doubt, "not cosigned: "+why)
	}
	return a
}

// confirmation is what a response carries as the receipt of a server's side.
type confirmation struct {
	by    string      // who confirms: a key; "": nothing is confirmed
	event event.Event // nil: it carries nothing
}

// confirm verifies what a result carries as a receipt of version 3, and takes it out
// of the result if it is one.
func (q *queue) confirm(i item) (mcpwire.Response, confirmation) {
	a := i.response
	if q.opts.Check != nil || a.Failed || a.Ended != "" || len(a.Value) == 0 {
		return a, confirmation{}
	}
	key := q.opts.MetaKey
	if key == NoMetaKey {
		key = DefaultMetaKey
	}
	receipt, rests := mcpwire.CarriedReceipt(a.Value, key)
	if receipt == nil {
		return a, confirmation{}
	}
	v, rest, err := q.confirms(i.call, a, receipt, rests)
	if err != nil {
		return a, confirmation{event: event.BadCosignature{
			Session: i.call.action.Session, Call: i.call.receipt, Reason: shorten(err.Error()), Hash: event.HashOf(receipt),
		}}
	}
	return a.WithValue(rest), confirmation{by: keyText(v.Signers[1].Key), event: event.Cosigned{
		Session: i.call.action.Session, Call: i.call.receipt, Receipt: v.Canonical,
	}}
}

// confirms is the receipt, verified, and the result that it is about.
func (q *queue) confirms(c *loggedCall, a mcpwire.Response, receipt []byte, rests [][]byte) (*sign.Verified, []byte, error) {
	v, err := sign.Verify(receipt, sign.AnyKey)
	if err == nil {
		err = canon.CheckPortable(v.Canonical)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case v.Version != 3:
		return nil, nil, errors.New("it is not of version 3")
	case v.EmbeddedID != c.receipt || !v.Signers[0].Key.Equal(q.signer.PublicKey()):
		return nil, nil, errors.New("it is about another call")
	}
	for _, rest := range rests {
		b := a.WithValue(rest)
		sum, _ := b.ContentHash()
		if sum != v.ResponseHash {
			if sum, _ = b.Reduced().ContentHash(); sum != v.ResponseHash {
				continue
			}
		}
		if status := statusOf(a, true).Status; v.Outcome.Status != status {
			return nil, nil, errors.New("it states another outcome")
		}
		return v, rest, nil
	}
	return nil, nil, errors.New("it is about another result")
}
