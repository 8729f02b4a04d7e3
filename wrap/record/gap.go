package record

import (
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/alarm"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// gap is a run of calls that were forwarded without a record (Options.FailOpen).
// Recorder.mu guards it.
type gap struct {
	count    int
	from, to time.Time
	reason   string
	again    *alarm.Alarm // of retry, while there is a gap
}

// The next call may never come, so the log is tried again without one: soon, and
// then at longer intervals.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// widen adds calls to the gap. The caller holds mu.
func (r *Recorder) widen(count int, cause error) {
	now := r.opts.Now()
	if r.gap.count == 0 {
		r.gap.from, r.gap.reason = now, cause.Error()
		r.opts.say("calls are forwarded UNSIGNED, because they cannot be recorded: %v", cause)
		r.retry(firstRetry)
	}
	r.gap.count += count
	r.gap.to = now
}

// retry tries to record the gap after a delay, and again with longer delays until
// it is recorded or the session is over. The caller holds mu.
func (r *Recorder) retry(after time.Duration) {
	r.gap.again = alarm.After(after, func() {
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

// closeGap says that the gap is in the log, if there was one. The caller holds mu.
func (r *Recorder) closeGap() {
	if r.gap.count > 0 {
		r.opts.say("recording again; the gap of %s is in the log", text.Count(int64(r.gap.count), "call"))
		r.gap.again.Stop()
		r.gap = gap{}
	}
}

// lastGap tries once more to record the gap, at the end of the session. The caller
// holds mu.
func (r *Recorder) lastGap() error {
	if r.gap.count == 0 {
		return nil
	}
	r.gap.again.Stop()
	if _, err := r.append(nil); err != nil {
		return fmt.Errorf("forwarded unsigned and not recorded in the log: %s: %w", text.Count(int64(r.gap.count), "call"), err)
	}
	return nil
}

// gapEvent is the signed event for the gap (chain/FORMAT.md, "Events"). The caller
// holds mu.
func (r *Recorder) gapEvent(at chain.At) ([]byte, error) {
	receipt, err := r.event(event.Gap{
		Session: r.id, Calls: int64(r.gap.count), From: r.gap.from, To: r.gap.to, Reason: r.gap.reason,
	}, at)
	if err != nil {
		return nil, err
	}
	return receipt.Record, nil
}
