package chain

import (
	"testing"
	"testing/synctest"
)

// Blocks wait for room, but one that is larger than all of it goes alone.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget()
		b.take(2 * budgetBytes)
		got := false
		go func() {
			b.take(1)
			got = true
		}()
		synctest.Wait()
		if got {
			t.Fatal("there was no room")
		}
		b.give(2 * budgetBytes)
		synctest.Wait()
		if !got {
			t.Fatal("there was room")
		}
		b.take(budgetBytes - 1)
	})
}
