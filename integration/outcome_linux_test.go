package integration

import (
	"path/filepath"
	"testing"
	"time"
)

// TestSlowDiskSlowsNoAnswer: while an outcome is on its way to a slow disk, the
// server's responses go through.
func TestSlowDiskSlowsNoAnswer(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	home := newHome(t)
	first := start(t, home.dir, wrapped.argv(t, nil, fake(t, "some")...))
	first.send(called(1, "t")) // makes the log
	first.line()
	first.finish()
	files, err := filepath.Glob(filepath.Join(home.audit(), "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}

	argv := append([]string{strace, "-f", "-qq", "-o", "/dev/null", "-P", files[0], "-e", "trace=write",
		"-e", "inject=write:delay_enter=4000000"}, // microseconds
		wrapped.argv(t, nil, fake(t, "some")...)...)
	p := start(t, home.dir, argv, asTracer)
	p.send(called(2, "t"))
	p.line()
	for i := range 20 {
		p.send(`{"jsonrpc":"2.0","id":` + itoa(1000+i) + `,"method":"ping"}` + "\n")
		p.line()
	}
	calls := home.recordedCalls(t)
	if got := calls[len(calls)-1].text(t); len(calls) != 2 || got != "nothing" {
		t.Errorf("%d calls; the last came to %q before the pings were answered", len(calls), got)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if got := home.recordedCalls(t)[1].text(t); got == "executed" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the call came to %q", got)
		}
	}
	p.finish()
}
