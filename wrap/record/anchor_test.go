package record

import (
	"testing"
	"time"
)

// counted is an Anchor that counts its starts, and what they come to.
func counted(came Anchoring) (Anchor, chan int) {
	starts, n := make(chan int, 100), 0
	return func() <-chan Anchoring {
		n++
		starts <- n
		result := make(chan Anchoring, 1)
		result <- came
		return result
	}, starts
}

func silent(string, ...any) {}

func TestAnchorIsDue(t *testing.T) {
	start, starts := counted(AnchorDone)
	a := newAnchorer(start, silent, nil)
	a.recorded(1)
	a.recorded(62)
	if len(starts) > 0 {
		t.Fatal("started for 63 records")
	}
	a.recorded(1)
	<-starts
	// What came since waits, at most until the end.
	a.recorded(1)
	a.end()
	<-starts
	a.recorded(1000)
	a.end()
	if len(starts) > 0 {
		t.Error("started after the end")
	}

	start, starts = counted(AnchorDone)
	a = newAnchorer(start, silent, nil)
	a.end()
	if len(starts) > 0 {
		t.Error("started without records")
	}
	// And where nobody anchors:
	a = newAnchorer(nil, silent, nil)
	a.recorded(100)
	a.end()
}

func TestAnchorMissing(t *testing.T) {
	start, _ := counted(AnchorLater)
	said, told := make(chan string, 10), make(chan time.Time, 10)
	a := newAnchorer(start, func(format string, _ ...any) { said <- format }, func(since time.Time) { told <- since })
	long := time.Now().Add(-2 * anchorMissing)
	a.mu.Lock()
	a.since = long
	a.mu.Unlock()
	a.run()
	a.run()
	if since := <-told; !since.Equal(long) || len(said) != 1 || len(told) > 0 {
		t.Errorf("since %v, said %d times, told %d times more", since, len(said), len(told))
	}
	start, _ = counted(AnchorFound)
	a = newAnchorer(start, func(format string, _ ...any) { said <- format }, nil)
	<-said
	a.run()
	a.run()
	if len(said) != 1 {
		t.Errorf("a finding is said %d times", len(said))
	}
	a.end()
}
