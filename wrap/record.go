package wrap

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// recorder makes calls into receipts in the log. Until the first call it
// touches nothing: clients start servers to probe them, and throw them away.
type recorder struct {
	speaker
	opts     Options
	session  string
	observer *observer // nil: outcomes are not recorded
	anchor   *anchorer // nil: nobody has the log anchored

	mu       sync.Mutex // guards all below
	signer   *sign.Signer
	log      *chain.Log
	outcomes *outcomes // from the first call on; nil: they are not recorded
	gap      gap
	again    *time.Timer // of retry, while there is a gap
	torn     int         // events of torn lines in this session
	over     bool        // finish was called
}

// gap is a run of calls that were forwarded without a record (--fail-open).
type gap struct {
	count    int
	from, to time.Time
	reason   string
}

// A gap must not wait for the next call, which may never come, to be recorded:
// the log is tried again on its own, soon and then at longer intervals.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

func newRecorder(o Options) *recorder {
	r := &recorder{speaker: speaker{w: o.Messages}, opts: o, session: "ses_" + randomHex(16)}
	if !o.NoOutcomes {
		r.observer = newObserver(r)
	}
	return r
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// record appends a receipt for each call, in order, and returns them as they
// travel in the requests. When it returns without an error they are in the
// log and, unless NoSync, on the disk. With FailOpen there is no error, but
// the receipts may be nil.
func (r *recorder) record(calls []mcpwire.Call) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	receipts, err := r.append(calls)
	if err == nil {
		return receipts, nil
	}
	if !r.opts.FailOpen {
		return nil, err
	}
	r.widen(len(calls), err)
	return make([][]byte, len(calls)), nil
}

// append is record without fail-open. It needs mu.
func (r *recorder) append(calls []mcpwire.Call) ([][]byte, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	drafts := make([]*sign.Draft, len(calls))
	noted := make([]*asked, len(calls))
	for i, c := range calls {
		action := sign.Action{
			Tool:      c.Tool,
			Arguments: c.Arguments,
			IsJSON:    true,
			HashOnly:  r.opts.HashOnly,
			Room:      c.Room,
			Target:    r.opts.Target,
			Transport: "stdio",
			Session:   r.session,
			CallID:    c.ID,
			TraceID:   c.TraceID,
			ParentID:  c.Carried,
		}
		var err error
		if c.Input != nil {
			if action.ResponseHash, err = sign.ValueHash(c.Input); err != nil {
				return nil, fmt.Errorf("sign the inputResponses of %q: %w", c.Tool, err)
			}
		}
		if drafts[i], err = r.signer.Prepare(action); err != nil {
			return nil, err
		}
		if action.ParentID == "" {
			action.ParentID = r.observer.parentOf(&c, drafts[i].ParamsHash())
			drafts[i].SetParent(action.ParentID)
		}
		action.Arguments = nil
		noted[i] = &asked{action: action, paramsHash: drafts[i].ParamsHash(), key: c.Key}
	}
	// A gap is closed, and outcomes are written, before the calls that come
	// after them.
	gap := 0
	if r.gap.count > 0 {
		gap = 1
	}
	carried := r.outcomes.pending()
	before := gap + len(carried)
	receipts := make([][]byte, len(calls))
	add := r.log.Append
	if len(calls) == 0 && gap == 0 {
		add = r.log.AppendLater // nobody waits for an outcome to be on the disk
	}
	err := add(before+len(calls), func(i int, at chain.At) ([]byte, error) {
		switch {
		case i < gap:
			return r.gapEvent(at)
		case i < before:
			return r.carry(carried[i-gap], at), nil
		}
		i -= before
		receipt, err := drafts[i].SignAt(at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		receipts[i] = receipt.JSON
		noted[i].receipt, noted[i].at = receipt.ID, at.Time
		return receipt.Record, nil
	})
	if err != nil {
		return nil, err
	}
	r.outcomes.written(len(carried))
	r.closed()
	r.anchor.recorded(before + len(calls))
	if r.outcomes == nil && r.observer != nil {
		r.outcomes = newOutcomes(r)
	}
	r.observer.called(calls, noted, r.outcomes)
	if r.opts.Verbose {
		for _, c := range calls {
			r.say("recorded %q (%q)", c.Tool, c.ID)
		}
	}
	return receipts, nil
}

// carry is the record of a job that is ready. An event that cannot be signed is
// left out, and said: it must not keep calls from being recorded.
func (r *recorder) carry(j job, at chain.At) []byte {
	if j.event == nil {
		return j.record
	}
	receipt, err := r.signer.Event(j.event, at.Time, at.Prev)
	if err != nil {
		r.say("a %s event cannot be recorded: %v", j.event.Type(), err)
		return nil
	}
	return receipt.Record
}

// flush writes the outcomes that are ready, with no call.
func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return errStopped
	}
	_, err := r.append(nil)
	return err
}

// open readies key and log. It needs mu.
func (r *recorder) open() error {
	if r.signer == nil {
		signer, err := r.opts.Signer()
		if err != nil {
			return err
		}
		r.signer = signer
	}
	if r.log == nil {
		r.log = chain.New(r.opts.Audit, chain.Options{
			NoSync: r.opts.NoSync, Now: r.opts.Now, Event: r.event, Check: sign.LogCheck(r.knows),
			Warn: func(text string) { r.say("in the log's directory, %s", text) },
		})
	}
	return nil
}

// knows says whether a key may have signed what the log goes on from.
func (r *recorder) knows(key ed25519.PublicKey) bool {
	return r.signer.PublicKey().Equal(key) || r.opts.Knows != nil && r.opts.Knows(key)
}

// event signs the log's own events, such as one about a torn line, and says what
// they are about.
func (r *recorder) event(e event.Event, at chain.At) ([]byte, error) {
	receipt, err := r.signer.Event(e, at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case event.ClockStep:
		r.say("the clock is behind the log: it says %s, and the newest record or day file is of %s",
			event.FormatTime(e.Clock), event.FormatTime(e.NotBefore))
	case event.TornLine:
		if r.torn++; r.torn == 2 {
			r.say("there are more such lines; the log has an event for each")
		}
		if r.torn > 1 {
			break // thousands may have been planted
		}
		r.say("%d bytes of %s were no record; they are quarantined in %s", e.Length, e.File, e.Kept)
	case event.LogDamaged:
		r.say("the log is not as it should be: %s, byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return receipt.Record, nil
}

// retry tries to record the gap, after a while, until it is recorded or the
// session is over. It needs mu.
func (r *recorder) retry(after time.Duration) {
	r.again = time.AfterFunc(after, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.over || r.gap.count == 0 {
			return
		}
		if _, err := r.append(nil); err != nil {
			r.retry(min(2*after, lastRetry))
		}
	})
}

// widen adds calls to the gap. It needs mu.
func (r *recorder) widen(count int, cause error) {
	now := r.opts.Now()
	if r.gap.count == 0 {
		r.gap.from, r.gap.reason = now, cause.Error()
		r.say("calls are forwarded UNSIGNED, because they cannot be recorded: %v", cause)
		r.retry(firstRetry)
	}
	r.gap.count += count
	r.gap.to = now
}

// closed notes that the gap, if there was one, is in the log. It needs mu.
func (r *recorder) closed() {
	if r.gap.count > 0 {
		r.say("recording again; the gap of %d calls is in the log", r.gap.count)
		r.again.Stop()
		r.gap = gap{}
	}
}

// gapEvent is the record of a gap, chain/FORMAT.md "Events".
func (r *recorder) gapEvent(at chain.At) ([]byte, error) {
	receipt, err := r.signer.Event(event.Gap{
		Session: r.session, Calls: int64(r.gap.count), From: r.gap.from, To: r.gap.to, Reason: r.gap.reason,
	}, at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	return receipt.Record, nil
}

// lastOutcomes is how long the end of a session waits for its last outcomes.
const lastOutcomes = 2 * time.Second

// finish records what is left: the outcomes, the calls that were never
// answered, and a gap, if there is one. Then it lets the log go.
func (r *recorder) finish(clientEnded bool) {
	ended := "the server ended"
	if clientEnded {
		ended = "the client ended the session"
	}
	r.observer.finish(ended, lastOutcomes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.gap.count > 0 {
		r.again.Stop()
		if _, err := r.append(nil); err != nil {
			r.count.Store(0) // this one must be said
			r.say("%d calls were forwarded unsigned, and the log does not know of them: %v", r.gap.count, err)
		}
	}
	if r.log != nil {
		if !r.opts.NoSync {
			if err := r.log.Sync(); err != nil {
				fmt.Fprintf(r.w, "signet-wrap: syncing the log: %v\n", err)
			}
		}
		if err := r.log.Close(); err != nil {
			fmt.Fprintf(r.w, "signet-wrap: closing the log: %v\n", err)
		}
	}
}
