package cli

import (
	"iter"
	"slices"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// backJoiner is joiner for records that are read newest first, where answers
// come before their calls. It counts the deeds that are asked for, and holds
// them while they are few.
type backJoiner struct {
	l          *lister
	answers    recent[answer] // by the id of the call
	unanswered recent[string]

	n    int         // deeds so far
	from chain.Place // of the oldest of those that the limit takes in
	kept []*deed     // they, newest first; nil: too many
	held int         // bytes of records in kept
}

// answer is one whose call is still to come.
type answer struct {
	at chain.Place
	d  *deed // nil: it was not read
}

func newBackJoiner(l *lister) *backJoiner { return &backJoiner{l: l, kept: []*deed{}} }

// put takes the next record.
func (b *backJoiner) put(s seen) error {
	v := s.v
	switch {
	case !b.l.joined:
		b.count(&deed{e: s.e, v: v})
	case s.parent != nil:
		return b.answer(string(s.parent), answer{at: s.e.Place()}, 0)
	case isQuiet(v):
		never, _ := v.Event.(event.Unanswered)
		for _, c := range never.Calls {
			if other, ok := b.answers.take(c.ID); ok {
				b.alone(other)
			}
			b.unanswered.put(c.ID, c.Reason, len(c.ID)+len(c.Reason))
		}
	case isAnswer(v):
		return b.answer(v.ParentID, answer{s.e.Place(), newDeed(s.e, v)}, len(s.e.Raw))
	default:
		return b.call(newDeed(s.e, v))
	}
	return nil
}

// answer remembers an answer until its call comes. One that was taken for the
// answer to the same call, and any that have been waiting for too long, stand
// for themselves.
func (b *backJoiner) answer(id string, a answer, size int) error {
	if other, ok := b.answers.take(id); ok {
		if read, err := b.read(id, a); err != nil {
			return err
		} else if a = read; a.d == nil {
			a, other = other, a
		}
		b.alone(other)
	}
	for _, old := range b.answers.put(id, a, size) {
		b.alone(old)
	}
	return nil
}

// read reads an answer that was not read. What turns out to be none has no deed.
func (b *backJoiner) read(id string, a answer) (answer, error) {
	if a.d != nil {
		return a, nil
	}
	s, err := b.l.at(a.at)
	if err == nil && isAnswer(s.v) && s.v.ParentID == id {
		a.d = newDeed(s.e, s.v)
	}
	return a, err
}

// alone counts an answer that stands for itself. One that was not read is not
// asked for.
func (b *backJoiner) alone(a answer) {
	if a.d != nil {
		b.count(a.d)
	}
}

// call is put for anything but an answer.
func (b *backJoiner) call(d *deed) error {
	if !d.isCall() || !b.l.f.about(&d.e, d.v) {
		b.count(d)
		return nil
	}
	a, answered := b.answers.take(d.v.ID)
	if answered {
		var err error
		if a, err = b.read(d.v.ID, a); err != nil {
			return err
		}
		if answered = a.d != nil; answered {
			d.answer, d.answerRaw = a.d.v, a.d.e.Raw
		}
	}
	d.unanswered, _ = b.unanswered.take(d.v.ID)
	if b.count(d); answered && b.n > b.l.f.limit {
		b.answers.put(d.v.ID, a, 0) // the list ends before its call
	}
	return nil
}

// count takes a deed that is complete, if it is asked for.
func (b *backJoiner) count(d *deed) {
	f := b.l.f
	if b.l.joined && (!f.about(&d.e, d.v) || !f.ended(d)) {
		return
	}
	b.n++
	if at := d.e.Place(); b.n <= f.limit && (b.from == chain.Place{} || at.Compare(b.from) < 0) {
		b.from = at
	}
	if b.kept == nil {
		return
	}
	b.kept = append(b.kept, d)
	b.held += d.size()
	if len(b.kept) > maxKept || b.held > maxKeptSize {
		b.kept = nil
	}
}

// end counts the answers to calls that are not in the log, at its beginning.
func (b *backJoiner) end() {
	for a := range b.answers.all() {
		b.alone(a)
	}
}

// newest are the deeds that are kept, but for those past the limit, oldest first.
func (b *backJoiner) newest() []*deed {
	slices.SortFunc(b.kept, func(x, y *deed) int { return x.e.Place().Compare(y.e.Place()) })
	return b.kept[max(len(b.kept)-b.l.f.limit, 0):]
}

// recent is a map that forgets what was put there long ago. The zero value is
// empty.
type recent[V any] struct {
	young, old map[string]V
	size       int // bytes of young
}

// put returns what it forgets.
func (r *recent[V]) put(key string, v V, size int) (forgotten map[string]V) {
	if r.size += size; r.young == nil || len(r.young) >= maxDeeds || r.size > maxHeld/4 {
		forgotten, r.old, r.young, r.size = r.old, r.young, map[string]V{}, size
	}
	r.young[key] = v
	return forgotten
}

// take gives a value back.
func (r *recent[V]) take(key string) (v V, ok bool) {
	for _, m := range []map[string]V{r.young, r.old} {
		if v, ok = m[key]; ok {
			delete(m, key)
			return v, true
		}
	}
	return v, false
}

func (r *recent[V]) all() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, m := range []map[string]V{r.young, r.old} {
			for _, v := range m {
				if !yield(v) {
					return
				}
			}
		}
	}
}
