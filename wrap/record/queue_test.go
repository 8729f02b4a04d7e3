package record

import (
	"testing"
	"time"
)

// A session whose outcomes are not recorded ends at once: nobody has started the queue.
func TestFinishWithoutStart(t *testing.T) {
	done := make(chan struct{})
	go func() {
		newQueue(&Options{}, nil).finish(time.Hour)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits for what nobody writes")
	}
}
