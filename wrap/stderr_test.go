package wrap

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestQueuedWriterBlocksNobody(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer ours.Close()
	m := NewQueuedWriter(ours)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1 << 14 { // far more than a pipe holds
			fmt.Fprintf(m, "%08d and so that it fills the pipe sooner: %0200d\n", i, 0)
		}
		m.Close()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("who does not read stderr holds up who writes to it")
	}
	// A reader that comes late gets the first lines, in order.
	r := bufio.NewReader(theirs)
	for i := range maxQueued {
		line, err := r.ReadString('\n')
		if err != nil || line[:8] != fmt.Sprintf("%08d", i) {
			t.Fatalf("line %d is %.8q, %v", i, line, err)
		}
	}
}

func TestQueuedWriterWritesBeforeClose(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	m := NewQueuedWriter(ours)
	fmt.Fprintln(m, "one")
	fmt.Fprintln(m, "two")
	m.Close()
	ours.Close()
	var all string
	for s := bufio.NewScanner(theirs); s.Scan(); {
		all += s.Text() + "."
	}
	if all != "one.two." {
		t.Errorf("arrived: %q", all)
	}
}
