package record

import (
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// When records are to be anchored.
const (
	anchorRecords = 64               // so many wait
	anchorAfter   = time.Minute      // after the first that waits
	anchorEvery   = 15 * time.Minute // and so often in any case, for what was cut off
	anchorPause   = 5 * time.Second  // between two starts
	anchorMissing = time.Hour        // without success, that is said
)

// Anchoring is what came of an [Anchor].
type Anchoring int

const (
	AnchorDone     Anchoring = iota // as many have signed as should
	AnchorLater                     // not now
	AnchorFound                     // the log is not the one that was anchored
	AnchorNotAsked                  // nobody is to be asked: there is no store
)

// An Anchor starts what has the log anchored, by somebody else than this
// process. It returns at once; the result, which is sent when that has ended, may
// come after the session, and then nobody takes it.
type Anchor func() (result <-chan Anchoring)

// anchorer has the log anchored when that is due. It does nothing itself, and
// nothing waits for it: the calls only count.
type anchorer struct {
	start   Anchor
	say     func(format string, a ...any)
	missing func(since time.Time) // tells the log

	mu      sync.Mutex
	waiting int         // records since the last start
	timer   *time.Timer // of the next start; nil: none is due
	at      time.Time   // when that is
	started time.Time   // the last one
	since   time.Time   // the last success, or the beginning
	told    bool        // that there is none
	found   bool        // that is said
	over    bool
}

// newAnchorer returns nil if start is.
func newAnchorer(start Anchor, say func(string, ...any), missing func(time.Time)) *anchorer {
	if start == nil {
		return nil
	}
	a := &anchorer{start: start, say: say, missing: missing, since: time.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.within(anchorEvery)
	return a
}

// recorded counts records that are in the log.
func (a *anchorer) recorded(n int) {
	if a == nil || n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting += n; a.waiting >= anchorRecords {
		a.within(0)
	} else if a.waiting == n {
		a.within(anchorAfter)
	}
}

// within has the next start come not later than that. It needs mu.
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
	a.at, a.timer = at, time.AfterFunc(time.Until(at), a.run)
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
	came := <-a.start()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case came == AnchorDone || came == AnchorNotAsked:
		a.since, a.told = time.Now(), false
	case came == AnchorFound && !a.found:
		a.found = true
		a.say(`the log is not the one that was anchored: see "signet-wrap anchor status"`)
	case !a.told && time.Since(a.since) > anchorMissing && !a.over:
		a.told = true
		a.say(`the log could not be anchored since %s: see "signet-wrap anchor status"`, a.since.UTC().Format(time.RFC3339))
		go a.missing(a.since)
	}
}

// end is the session's: what waits is anchored, and not waited for.
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
		a.start()
	}
}

// unanchored tells the log that it could not be anchored for long.
func (r *Recorder) unanchored(since time.Time) {
	if r.session != nil {
		r.session.add(item{event: event.Unanchored{Session: r.id, Since: since}})
	}
}
