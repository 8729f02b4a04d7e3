package chain

import (
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// clockSlack is how far the clock may step back with no word of it. Clocks that
// are kept right are slewed, not set; what is less than this is no evidence of
// anything.
const clockSlack = 2 * time.Second

// watchClock owes an event if the clock, which says now, has stepped back: it
// is before the newest record or the day of the newest file, or has gone on by
// less than time has passed since this Log last looked at it (time.Time tells
// both). Until it has caught up with the newest record, records bear the time of
// that one, so what the clock really said stands in the event only.
//
// A step forward cannot be told from a machine that was asleep. It shows when
// the clock is put right again.
func (l *Log) watchClock(now time.Time, newest string) {
	notBefore := l.floor
	if newest != "" && dayOf(newest).After(notBefore) {
		notBefore = dayOf(newest)
	}
	behind := now.Before(notBefore.Add(-clockSlack))
	back := false
	if !l.clock.IsZero() {
		due := dueTime(l.clock, now.Sub(l.clock))
		if back = now.Round(0).Before(due.Add(-clockSlack)); back && due.After(notBefore) {
			notBefore = due
		}
	}
	if back || behind && !l.behind {
		l.owe(event.ClockStep{Clock: now, NotBefore: notBefore})
	}
	l.clock, l.behind = now, behind
}

// dueTime is what a clock that has said last must say when so much time has
// passed. Where the two are of time.Now, that is the system's monotonic clock's
// word; else it is their difference, and may be negative.
func dueTime(last time.Time, passed time.Duration) time.Time {
	return last.Round(0).Add(max(passed, 0))
}
