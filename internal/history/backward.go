package history

import (
	"hash/maphash"
	"iter"

	"github.com/signet-wrap/signet-wrap/sign"
)

// A Backward is a [Join] for records that are read newest first, where what came
// of a call comes before it. What it is given about calls waits for them; it
// remembers the last 10,000 to 20,000 calls about which something was said, with
// a T of the caller's for each statement.
type Backward[T any] struct {
	hasher
	early     recent[ID, []early[T]] // by call, newest first
	forgotten func(T)
	seen      recent[ID, struct{}] // calls
}

type early[T any] struct {
	statement
	t T
}

// A Judged is a statement about a call and what it is worth.
type Judged[T any] struct {
	Statement T
	Verdict   Verdict
}

// NewBackward returns a Backward that has seen nothing. forgotten gets
// statements that have waited for too long, or that were too many: they have
// found no call.
func NewBackward[T any](forgotten func(T)) *Backward[T] {
	return &Backward[T]{hasher: hasher{maphash.MakeSeed()}, forgotten: forgotten}
}

// maxEarly bounds the statements about one call that wait for it. Beyond it the
// newest but one is forgotten: the oldest is the one that may count.
const maxEarly = 100

// Response takes a response that takes size bytes, as T remembers it.
func (b *Backward[T]) Response(v *sign.Verified, t T, size int) {
	id, _ := ParseID(v.ID)
	b.wait(v.ParentID, statement{b.of(v), true, id}, t, size)
}

// Unanswered takes an entry of an unanswered event, as [Join.Unanswered] does.
func (b *Backward[T]) Unanswered(event *sign.Verified, id string, t T, size int) {
	b.wait(id, statement{terms: terms{party: b.party(event)}}, t, size)
}

func (b *Backward[T]) wait(callID string, s statement, t T, size int) {
	id, ok := ParseID(callID)
	if !ok {
		b.forgotten(t)
		return
	}
	all, _ := b.early.take(id)
	if len(all) == maxEarly {
		b.forgotten(all[maxEarly-1].t)
		all = all[:maxEarly-1]
	}
	for _, old := range b.early.put(id, append(all, early[T]{s, t}), size) {
		for _, e := range old {
			b.forgotten(e.t)
		}
	}
}

// Alone takes a receipt as [Join.Alone] does, and says whether it has been taken
// before.
func (b *Backward[T]) Alone(v *sign.Verified) (again bool) {
	id, ok := ParseID(v.ID)
	if again = ok && b.seen.has(id); ok {
		b.seen.put(id, struct{}{}, 0)
	}
	return again
}

// Call takes a call and returns what was said about it, in the order of the log,
// and whether this very receipt has been a call already: then that one, which is
// newer, was the copy.
func (b *Backward[T]) Call(v *sign.Verified) (said []Judged[T], again bool) {
	id, ok := ParseID(v.ID)
	if !ok {
		return nil, false
	}
	again = b.Alone(v)
	waited, _ := b.early.take(id)
	call := b.of(v)
	var first *statement
	for i := len(waited) - 1; i >= 0; i-- {
		e := &waited[i]
		verdict := e.judge(call, first)
		if verdict == Counts {
			first = &e.statement
		}
		said = append(said, Judged[T]{e.t, verdict})
	}
	return said, again
}

// Waiting are the statements whose calls have not come, in no order.
func (b *Backward[T]) Waiting() iter.Seq[T] {
	return func(yield func(T) bool) {
		for all := range b.early.all() {
			for _, e := range all {
				if !yield(e.t) {
					return
				}
			}
		}
	}
}
