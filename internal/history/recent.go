package history

import "iter"

// maxRecent is how many entries a recent remembers at least; twice as many at the
// most. Tests lower it.
var maxRecent = 10_000

// maxRecentSize is how many bytes they may take, as put is told, before older
// ones are forgotten.
const maxRecentSize = 16 << 20

// recent is a map that forgets what was put there long ago. The zero value is
// empty.
type recent[K comparable, V any] struct {
	young, old map[K]V
	size       int // bytes of young
}

// put puts a value of some bytes there, and returns what it forgets for it.
func (r *recent[K, V]) put(key K, v V, size int) (forgotten map[K]V) {
	if r.size += size; r.young == nil || len(r.young) >= maxRecent || r.size > maxRecentSize {
		forgotten, r.old, r.young, r.size = r.old, r.young, map[K]V{}, size
	}
	r.young[key] = v
	return forgotten
}

func (r *recent[K, V]) get(key K) (v V, ok bool) {
	if v, ok = r.young[key]; !ok {
		v, ok = r.old[key]
	}
	return v, ok
}

func (r *recent[K, V]) has(key K) bool {
	_, ok := r.get(key)
	return ok
}

// take gets a value and removes it.
func (r *recent[K, V]) take(key K) (v V, ok bool) {
	v, ok = r.get(key)
	delete(r.young, key)
	delete(r.old, key)
	return v, ok
}

func (r *recent[K, V]) all() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, m := range []map[K]V{r.young, r.old} {
			for _, v := range m {
				if !yield(v) {
					return
				}
			}
		}
	}
}
