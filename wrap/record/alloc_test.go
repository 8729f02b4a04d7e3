package record

import (
	"fmt"
	"runtime"
	"testing"
)

// What a call and its outcome allocate is bounded, and nothing of them is kept:
// ten thousand calls hold as much memory as one thousand.
func TestAllocationsOfCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("allocations are others under the race detector")
	}
	const warm, counted = 1_000, 10_000
	s := newScene(t)
	turns := 0
	turn := func() {
		turns++
		call := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"read","arguments":{"path":"/home/someone/notes/%d.md","head":100}}}`+"\n", turns, turns)
		if _, err := s.rec.Request(call); err != nil {
			t.Fatal(err)
		}
		s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"%d"}]}}`+"\n", turns, turns))
	}
	measure := func(n int) (m runtime.MemStats) {
		for range n {
			turn()
		}
		s.written()
		runtime.GC()
		runtime.GC() // what a sync.Pool holds goes with the second
		runtime.ReadMemStats(&m)
		return m
	}
	before := measure(warm)
	after := measure(counted)
	if each := (after.TotalAlloc - before.TotalAlloc) / counted; each > mostForCall {
		t.Errorf("a call and its outcome allocate %d bytes", each)
	}
	grown := func(from, to runtime.MemStats) int64 { return int64(to.HeapAlloc) - int64(from.HeapAlloc) }
	if once := grown(before, after); once > 256<<10 {
		// A buffer may have grown once, on a busy machine. What leaks grows each time.
		if again := grown(after, measure(counted)); again > 256<<10 {
			t.Errorf("%d calls later, %d bytes more are held, and then %d", counted, once, again)
		}
	}
	if st := s.end(); len(st.calls) != turns || len(st.outcomes) != turns {
		t.Errorf("%d calls and %d outcomes in the log, of %d", len(st.calls), len(st.outcomes), turns)
	}
}

// mostForCall is half as much again as what is allocated now, in bytes.
const mostForCall = 16 << 10
