package alarm

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestOrder sets alarms in an order that wakes the sleeper and one that does not:
// all ring, the earlier ones first, and none too early.
func TestOrder(t *testing.T) {
	type ring struct {
		d     time.Duration
		after time.Duration
	}
	rings := make(chan ring, 4)
	start := time.Now()
	set := func(d time.Duration) {
		After(d, func() { rings <- ring{d, time.Since(start)} })
	}
	set(900 * time.Millisecond)
	set(time.Millisecond)
	set(500 * time.Millisecond)
	set(100 * time.Millisecond)
	seen := map[time.Duration]bool{}
	for range 4 {
		select {
		case r := <-rings:
			if seen[r.d] {
				t.Errorf("the alarm after %v rang twice", r.d)
			}
			seen[r.d] = true
			if r.after < r.d {
				t.Errorf("the alarm after %v rang after %v", r.d, r.after)
			}
		case <-time.After(time.Minute):
			t.Fatalf("after a minute, only these rang: %v", seen)
		}
	}
}

// TestStop stops an alarm; a later one shows that its time has come.
func TestStop(t *testing.T) {
	var rang atomic.Bool
	a := After(20*time.Millisecond, func() { rang.Store(true) })
	a.Stop()
	later := make(chan struct{})
	After(40*time.Millisecond, func() { close(later) })
	<-later
	if rang.Load() {
		t.Error("a stopped alarm rang")
	}
}

// TestMany sets alarms from many goroutines at once.
func TestMany(t *testing.T) {
	const goroutines, each = 20, 50
	rang := make(chan struct{}, goroutines*each)
	for i := range goroutines {
		go func() {
			for j := range each {
				After(time.Duration(i*j)*20*time.Microsecond, func() { rang <- struct{}{} })
			}
		}()
	}
	for n := range goroutines * each {
		select {
		case <-rang:
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d rang in a minute", n, goroutines*each)
		}
	}
}
