package chain

import "sync"

// budget limits the memory of blocks in work, so that many long lines are not in
// memory at once. A block larger than the limit is alone.
type budget struct {
	mu    sync.Mutex
	freed *sync.Cond // signals that used became less; its lock is mu
	used  int64
}

const budgetBytes = 64 << 20

func newBudget() *budget {
	b := new(budget)
	b.freed = sync.NewCond(&b.mu)
	return b
}

func (b *budget) take(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 && b.used+n > budgetBytes {
		b.freed.Wait()
	}
	b.used += n
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.freed.Signal()
}
