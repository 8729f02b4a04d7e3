package record

import (
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/alarm"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// When records are to be anchored.
const (
	anchorRecords = 64               // as soon as this many wait
	anchorAfter   = time.Minute      // this long after the first one that waits
	anchorEvery   = 15 * time.Minute // also without new records, which shows truncation
	anchorPause   = 5 * time.Second  // at least, between two starts
	anchorMissing = time.Hour        // without success: then say so
)

// Anchoring is the result of an [Anchor].
type Anchoring struct {
	Result AnchorResult
	// Since is when enough witnesses signed last, as far as that is known.
	Since time.Time
	// Finding is what was found, if the log has no event about it yet.
	Finding *event.AnchorFinding
	// Policy is that of the store, if the log has no event about it yet: another user
	// may have made the store.
	Policy *event.AnchorPolicy
}

// AnchorResult says how anchoring ended.
type AnchorResult int

const (
	AnchorDone     AnchorResult = iota // enough witnesses have signed
	AnchorLater                        // not possible now; try again later
	AnchorFound                        // the log differs from what was anchored: truncated or rewritten
	AnchorNotAsked                     // anchoring is not set up
)

// An Anchor starts the anchoring of the log in another process, and returns at
// once. The result is sent when that process has ended. That may be after the end
// of the session, when nobody receives it: the channel must have room for it. With
// look it starts nothing: the result is that of an earlier anchoring.
type Anchor func(look bool) (result <-chan Anchoring)

// anchorer starts the anchoring when it is due. Calls only count their records here
// and never wait.
type anchorer struct {
	start   Anchor
	say     func(format string, a ...any)
	tell    func(event.Event) bool // writes an event to the log; false: not now
	session string

	mu      sync.Mutex
	waiting int          // records since the last start
	timer   *alarm.Alarm // for the next start; nil: none is due
	at      time.Time    // when the alarm rings
	started time.Time    // the last start
	since   time.Time    // the last success, or the beginning of the session
	told    bool         // that anchoring fails was said
	looked  bool         // at results of earlier sessions
	found   bool         // AnchorFound was said
	written bool         // the log has an event about it
	policy  bool         // the log has an event about Anchoring.Policy
	over    bool         // the session has ended
}

// newAnchorer returns nil if start is nil.
func newAnchorer(start Anchor, session string, say func(string, ...any), tell func(event.Event) bool) *anchorer {
	if start == nil {
		return nil
	}
	a := &anchorer{start: start, session: session, say: say, tell: tell, since: time.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.within(anchorEvery)
	return a
}

// recorded counts n records that are now in the log.
func (a *anchorer) recorded(n int) {
	if a == nil || n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.looked {
		a.looked = true
		go a.look()
	}
	if a.waiting += n; a.waiting >= anchorRecords {
		a.within(0)
	} else if a.waiting == n {
		a.within(anchorAfter)
	}
}

// within schedules the next start in d at the latest. The caller holds mu.
func (a *anchorer) within(d time.Duration) {
	if a.over {
		return
	}
	at := time.Now().Add(d)
	if soonest := a.started.Add(anchorPause); at.Before(soonest) {
		at = soonest
	}
	if a.timer != nil && !at.Before(a.at) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.at, a.timer = at, alarm.After(time.Until(at), a.run)
}

func (a *anchorer) run() {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	a.timer, a.waiting, a.started = nil, 0, time.Now()
	a.within(anchorEvery)
	a.mu.Unlock()
	a.came(<-a.start(false))
}

// look takes the results of earlier sessions: a session may be too short to anchor,
// and the process that anchors may not have the key.
func (a *anchorer) look() {
	came := <-a.start(true)
	if came.Result == AnchorFound {
		a.came(came)
	} else {
		a.tellPolicy(came)
	}
}

// came takes the result of anchoring.
func (a *anchorer) came(came Anchoring) {
	a.tellPolicy(came)
	e := a.judge(came)
	if e == nil || a.tell(e) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written = false // the next result is to be written
}

// tellPolicy writes the event about the policy, if the log has none.
func (a *anchorer) tellPolicy(came Anchoring) {
	a.mu.Lock()
	tell := came.Policy != nil && !a.policy && !a.over
	a.policy = a.policy || tell
	a.mu.Unlock()
	if tell && !a.tell(*came.Policy) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.policy = false
	}
}

// judge says what the user must know of a result, and returns the event about it,
// if there must be one.
func (a *anchorer) judge(came Anchoring) event.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	if came.Since.After(a.since) {
		a.since, a.told = came.Since, false
	}
	switch {
	case came.Result == AnchorDone || came.Result == AnchorNotAsked:
		a.since, a.told = time.Now(), false
	case came.Result == AnchorFound:
		if !a.found {
			a.found = true
			a.say(`the log is not the one that was anchored: see "signet-wrap anchor status"`)
		}
		if came.Finding != nil && !a.written && !a.over {
			a.written = true
			return *came.Finding
		}
	case !a.told && time.Since(a.since) > anchorMissing && !a.over:
		a.told = true
		a.say(`the log could not be anchored since %s: see "signet-wrap anchor status"`, a.since.UTC().Format(time.RFC3339))
		return event.Unanchored{Session: a.session, Since: a.since}
	}
	return nil
}

// end ends the anchoring at the end of the session. If records wait, it starts the
// anchoring once more and does not wait for it.
func (a *anchorer) end() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.waiting > 0 {
		a.start(false)
	}
}

// tell writes an event to the log. It returns false if that is not possible now.
func (r *Recorder) tell(e event.Event) bool {
	if r.session != nil {
		return r.session.add(item{event: e})
	}
	// A session without outcomes has no queue.
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil || r.over {
		return false
	}
	r.signBy = time.Now().Add(signLimit)
	written, err := r.log.Append(1, func(_ int, at chain.At) ([]byte, error) {
		receipt, err := r.event(e, at)
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	})
	if err == nil {
		r.heads.Wrote(written)
		r.anchor.recorded(1)
	}
	return err == nil
}
