package testlog

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
)

// StormCalls is how many calls a storm has.
const StormCalls = 200

// stormTools are those of the SDKs' test servers.
var stormTools = []string{"receipt", "fails", "breaks", "ask", "count", "wait", "receipt"}

// A test is a *testing.T. Package testing is for tests alone, and this one is not.
type test interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A Storm is many calls at once in a session of an SDK, some given up, some with a
// request of the server in them.
type Storm struct {
	// Reached counts, for a server in this process, how often each call came to it.
	Reached [StormCalls]atomic.Int32
	before  map[string]string // goroutines
}

// NewStorm is to be called before the session begins.
func NewStorm() *Storm { return &Storm{before: Goroutines()} }

// Run makes the calls, with {"n": number of the call} as arguments, and ends the session
// by end when finished of them have ended. Then no call is lost or in the log twice, each
// has one end, and nothing of ours runs on.
func (s *Storm) Run(t test, log string, finished int32, patience time.Duration, call func(ctx context.Context, tool string, arguments map[string]any) error, end func()) {
	t.Helper()
	var all sync.WaitGroup
	var ended atomic.Int32
	var answered [StormCalls]bool
	tool := func(n int) string { return stormTools[n%len(stormTools)] }
	enough := make(chan struct{})
	for n := range StormCalls {
		all.Go(func() {
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			if tool(n) == "ask" || tool(n) == "wait" || rand.IntN(4) == 0 {
				time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, stop)
			}
			answered[n] = call(ctx, tool(n), map[string]any{"n": n}) == nil
			if ended.Add(1) == finished {
				close(enough)
			}
		})
	}
	<-enough
	end()
	all.Wait()

	if r, err := Verify(t.Context(), log, chain.VerifyOptions[struct{}]{}); err != nil || r.Damaged > 0 {
		t.Fatalf("the log: %v, %+v", err, r)
	}
	recorded, err := Calls(log)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var logged [StormCalls]int
	for _, call := range recorded {
		var p struct{ N int }
		if err := json.Unmarshal(call.Params, &p); err != nil {
			t.Fatalf("%v", err)
		}
		logged[p.N]++
		if len(call.Ends) != 1 {
			t.Errorf("%s %d ended with %q", call.Tool, p.N, call.Ends)
		}
	}
	for n := range StormCalls {
		if reached := int(s.Reached[n].Load()); logged[n] > 1 || answered[n] && logged[n] == 0 || reached > logged[n] {
			t.Errorf("%s %d is in the log %d times; it reached the server %d times, answered: %v", tool(n), n, logged[n], reached, answered[n])
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left := Goroutines()
		for id := range s.before {
			delete(left, id)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still running: %q", left)
		}
	}
}
