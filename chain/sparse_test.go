package chain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A line without an end, as a file of terabytes that takes no room on the disk
// is, does not hold up whoever wants to stop.
func TestStopWithinLine(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "2026-05-01.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 43); err != nil {
		cannot(t, err)
	}
	for _, backward := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		s, err := TakeSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for _, err := range Read(ctx, s, ReadOptions{Backward: backward}, func(Entry, *LineError) (int, bool) { return 0, true }) {
				done <- err
				return
			}
		}()
		time.Sleep(10 * time.Millisecond) // into the line, or not: both must end
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("backward %v: %v", backward, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("backward %v: it reads on", backward)
		}
	}
}
