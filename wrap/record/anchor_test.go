package record

import (
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// counted is an Anchor that counts its starts, and what they come to.
func counted(came AnchorResult) (Anchor, chan int) {
	starts, n := make(chan int, 100), 0
	return func(look bool) <-chan Anchoring {
		result := make(chan Anchoring, 1)
		if look {
			result <- Anchoring{Result: AnchorDone}
			return result
		}
		n++
		starts <- n
		result <- Anchoring{Result: came, Finding: &event.AnchorFinding{Kind: "rollback"}}
		return result
	}, starts
}

func silent(string, ...any) {}

func untold(event.Event) bool { return false }

func TestAnchorIsDue(t *testing.T) {
	start, starts := counted(AnchorDone)
	a := newAnchorer(start, "", silent, untold)
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
	a = newAnchorer(start, "", silent, untold)
	a.end()
	if len(starts) > 0 {
		t.Error("started without records")
	}
	// And where nobody anchors:
	a = newAnchorer(nil, "", silent, untold)
	a.recorded(100)
	a.end()
}

func TestAnchorMissing(t *testing.T) {
	start, _ := counted(AnchorLater)
	said, told := make(chan string, 10), make(chan event.Event, 10)
	say := func(format string, _ ...any) { said <- format }
	tell := func(e event.Event) bool { told <- e; return len(told) > 1 }
	a := newAnchorer(start, "ses_1", say, tell)
	long := time.Now().Add(-2 * anchorMissing)
	a.mu.Lock()
	a.since = long
	a.mu.Unlock()
	a.run()
	a.run()
	if e := (<-told).(event.Unanchored); e.Session != "ses_1" || !e.Since.Equal(long) || len(said) != 1 || len(told) > 0 {
		t.Errorf("%+v, said %d times, told %d times more", e, len(said), len(told))
	}
	start, _ = counted(AnchorFound)
	a = newAnchorer(start, "", say, tell)
	<-said
	for range 4 { // the first time the log takes no event
		a.run()
	}
	if len(said) != 1 || len(told) != 2 {
		t.Errorf("a finding is said %d times, and told %d times", len(said), len(told))
	}
	a.end()
}

// What earlier sessions have found is told by the next one.
func TestAnchorLooks(t *testing.T) {
	told := make(chan event.Event, 10)
	a := newAnchorer(func(look bool) <-chan Anchoring {
		result := make(chan Anchoring, 1)
		if !look {
			t.Error("started")
		}
		result <- Anchoring{Result: AnchorFound, Finding: &event.AnchorFinding{Kind: "fork"}}
		return result
	}, "", silent, func(e event.Event) bool { told <- e; return true })
	a.recorded(1)
	if e := (<-told).(event.AnchorFinding); e.Kind != "fork" {
		t.Errorf("%+v", e)
	}
	a.mu.Lock()
	a.waiting = 0
	a.mu.Unlock()
	a.end()
}

// What was found, and the policy of a store that another user has made, are in the log,
// also of a session that records no outcomes.
func TestAnchorIsTold(t *testing.T) {
	for _, none := range []bool{false, true} {
		found := make(chan bool, 100)
		s := newScene(t, func(o *Options) {
			o.NoOutcomes = none
			o.Anchor = func(bool) <-chan Anchoring {
				result := make(chan Anchoring, 1)
				result <- Anchoring{Result: AnchorFound, Finding: &event.AnchorFinding{Kind: "fork"}, Policy: &event.AnchorPolicy{Origin: "o", Store: "elsewhere"}}
				found <- true
				return result
			}
		})
		s.client(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`)
		<-found
		count := func() (n int) {
			log, err := chain.TakeSnapshot(s.dir)
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range log.Records(t.Context(), chain.ReadOptions{}) {
				if err != nil {
					continue // being written
				}
				told, _ := event.Decode(e.Receipt)
				switch told.(type) {
				case event.AnchorFinding, event.AnchorPolicy:
					n++
				}
			}
			return n
		}
		for end := time.Now().Add(time.Minute); count() < 2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("without outcomes %t: %d events", none, count())
			}
		}
		if err := s.rec.Close(); err != nil {
			t.Error(err)
		}
		if n := count(); n != 2 {
			t.Errorf("without outcomes %t: %d events", none, n)
		}
	}
}
