package integration

import (
	"testing"
	"time"
)

// TestBigCalls: calls of 10 MB take memory for the line, for the record, and for
// what the collector has not got to of those before, and they give it back.
func TestBigCalls(t *testing.T) {
	t.Parallel()
	const size = 10_000_000
	p := start(t, newHome(t).dir, wrapped.argv(t, []string{"--sync", "off"}, fake(t, "reply")...))
	pid := p.cmd.Process.Pid
	for n := range 20 {
		turn(p, numbered(n))
	}
	before, small := peak(t, pid), held(t, pid, "RssAnon")
	turn(p, long(20, size))
	if more := peak(t, pid) - before; more > 4*size {
		t.Errorf("one call took %d MB", more>>20)
	}
	for n := range 20 {
		turn(p, long(21+n, size))
	}
	if more := peak(t, pid) - before; more > 8*size {
		t.Errorf("twenty calls took %d MB", more>>20)
	}
	// What is not of files: more of the program is in memory now than before.
	for end := time.Now().Add(patience); held(t, pid, "RssAnon") > small+8<<20; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it keeps %d MB", (held(t, pid, "RssAnon")-small)>>20)
		}
	}
}
