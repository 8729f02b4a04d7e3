package chain

import (
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// clockSlack is how far the clock may step back without an event. Clocks under time
// synchronization are slewed, not set, and smaller steps prove nothing.
const clockSlack = 2 * time.Second

// watchClock adds an event if the clock, which says now, was set back. That is so
// if now is before the newest record or the day of the newest file, or if the clock
// has advanced less since the last append than time has passed (time.Time has both
// clocks). Until the clock has passed the newest record, new records have the time
// of that one, so only the event has the time that the clock really said.
//
// A step forward looks like a machine that was asleep. It shows when the clock is
// set right again.
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

// dueTime is the time that a clock which said last should say after so much time
// has passed. If both times are from time.Now, passed is measured by the monotonic
// clock. Otherwise it is the difference of the two, and may be negative.
func dueTime(last time.Time, passed time.Duration) time.Time {
	return last.Round(0).Add(max(passed, 0))
}
