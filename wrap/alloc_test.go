package wrap

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// What a call and its outcome allocate is bounded, and nothing of them is kept:
// ten thousand calls leave as much behind as one thousand.
func TestAllocationsOfCalls(t *testing.T) {
	const warm, counted = 1_000, 10_000
	s := newScene(t)
	w := bufio.NewWriter(io.Discard)
	turns := 0
	turn := func() {
		turns++
		call := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"read","arguments":{"path":"/home/someone/notes/%d.md","head":100}}}`+"\n", turns, turns)
		if _, err := s.pump.forward(w, []mcpwire.Line{{Bytes: call, Length: len(call)}}); err != nil {
			t.Fatal(err)
		}
		s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"%d"}]}}`+"\n", turns, turns))
	}
	measure := func(n int) (m runtime.MemStats) {
		for range n {
			turn()
		}
		s.rec.observer.outcomes.settle(t)
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
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
		t.Errorf("%d calls later, %d bytes more are held", counted, grown)
	}
	if st := s.end(); len(st.calls) != turns || len(st.outcomes) != turns {
		t.Errorf("%d calls and %d outcomes in the log, of %d", len(st.calls), len(st.outcomes), turns)
	}
}

// mostForCall is half as much again as what is allocated now, in bytes.
const mostForCall = 24 << 10

// settle waits until all that is queued has been written.
func (o *outcomes) settle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		o.mu.Lock()
		left := len(o.queue)
		o.mu.Unlock()
		if left == 0 {
			return
		}
	}
	t.Fatal("outcomes are not written")
}
