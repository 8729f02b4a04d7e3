// Package alarm calls functions after a while, as time.AfterFunc does, without
// timers of the Go runtime.
//
// While a runtime timer is set, the runtime keeps a thread in its network poller.
// Each time a goroutine blocks in a system call, another thread is woken to take care
// of the timer. The two goroutines that relay messages block once for each message: on
// two processors a set timer costs each message 10 µs or more. Here one thread sleeps
// in the kernel until the next alarm.
package alarm

import (
	"sync"
	"time"
)

// An Alarm is a call to come.
type Alarm struct {
	at time.Time
	f  func()
}

// clock has all alarms of the process.
var clock struct {
	mu     sync.Mutex
	alarms []*Alarm  // few
	sleep  *sleeper  // of run; nil before the first alarm
	until  time.Time // run sleeps until then; zero: it does not sleep, or for ever
	idle   bool      // run sleeps until it is woken
}

// After has f called, in a goroutine of its own, when d is over.
func After(d time.Duration, f func()) *Alarm {
	a := &Alarm{at: time.Now().Add(d), f: f}
	c := &clock
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarms = append(c.alarms, a)
	if c.sleep == nil {
		s, err := newSleeper()
		if err != nil { // no file descriptor is left
			c.alarms = nil
			time.AfterFunc(d, a.ring)
			return a
		}
		c.sleep = s
		go run()
		return a
	}
	if c.idle || !c.until.IsZero() && a.at.Before(c.until) {
		c.sleep.wake()
	}
	return a
}

// Stop has the function not called, unless it was called already.
func (a *Alarm) Stop() {
	clock.mu.Lock()
	defer clock.mu.Unlock()
	a.f = nil // run drops it
}

// ring calls the function.
func (a *Alarm) ring() {
	clock.mu.Lock()
	f := a.f
	clock.mu.Unlock()
	if f != nil {
		f()
	}
}

// run calls what is due and sleeps in between.
func run() {
	c := &clock
	for {
		c.mu.Lock()
		now := time.Now()
		var next time.Time
		left := c.alarms[:0]
		for _, a := range c.alarms {
			switch {
			case a.f == nil:
			case !a.at.After(now):
				go a.ring()
			default:
				left = append(left, a)
				if next.IsZero() || a.at.Before(next) {
					next = a.at
				}
			}
		}
		clear(c.alarms[len(left):])
		c.alarms, c.until, c.idle = left, next, next.IsZero()
		c.mu.Unlock()
		if next.IsZero() {
			c.sleep.sleep(-1)
		} else {
			c.sleep.sleep(max(0, time.Until(next)))
		}
		c.mu.Lock()
		c.until, c.idle = time.Time{}, false
		c.mu.Unlock()
	}
}
