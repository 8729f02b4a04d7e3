package verify

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/signet-wrap/signet-wrap/chain"
)

// hashOf is the hash of the n-th record, from 1 on; of 0, what the first one follows.
func hashOf(n int) (h chain.Hash) {
	binary.BigEndian.PutUint64(h[8:], uint64(n))
	return h
}

// Whatever is missing, comes again or comes in another order: ranges and what is missing
// between them are those of the numbers.
func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		n := 1 + random.IntN(60)
		type came struct {
			n     int
			state linkState
		}
		var all []came
		best := make([]linkState, n+2)
		for i := 1; i <= n; i++ {
			for random.IntN(8) > 2 {
				c := came{i, absent + linkState(random.IntN(2))}
				all, best[i] = append(all, c), max(best[i], c.state)
			}
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		l := newLinks()
		again, records := 0, 0
		for _, c := range all {
			if l.add(hashOf(c.n), hashOf(c.n-1), time.UnixMilli(int64(c.n)), c.state) {
				again++
			}
		}
		var want []string
		var notExported int64
		for i := 1; i <= n; i++ {
			if best[i] == named {
				continue
			}
			records++
			if best[i] == absent {
				notExported++
			}
			if best[i-1] == named {
				want = append(want, hashOf(i).String())
			}
			if best[i+1] == named {
				want[len(want)-1] += " " + hashOf(i).String()
			}
		}
		o := l.order()
		var got []string
		for _, r := range o.ranges {
			got = append(got, r.First+" "+r.Last)
			if r.Begins != (r.First == hashOf(1).String()) {
				t.Errorf("round %d: %+v", round, r)
			}
		}
		if !slices.Equal(got, want) || o.n != int64(len(want)) || o.absent != notExported || l.records != records || len(o.torn) > 0 || len(o.absentFirst) != int(notExported) {
			t.Fatalf("round %d: %+v, want %q", round, o, want)
		}
	}
}

// Records that contradict one another are found, and nothing of it takes for ever.
func TestOrderTorn(t *testing.T) {
	l := newLinks()
	for i := 1; i <= 10; i++ {
		l.add(hashOf(i), hashOf(i-1), time.Time{}, exported)
	}
	l.add(hashOf(20), hashOf(4), time.Time{}, exported)
	if o := l.order(); len(o.torn) != 1 || !strings.Contains(o.torn[0], "both follow") || o.n != 2 {
		t.Errorf("a fork: %+v", o)
	}
	for length := 1; length < 4; length++ {
		l = newLinks()
		l.add(hashOf(50), hashOf(0), time.Time{}, exported)
		for i := range length {
			l.add(hashOf(1+i), hashOf(1+(i+1)%length), time.Time{}, absent)
		}
		if o := l.order(); len(o.torn) != 1 || !strings.Contains(o.torn[0], "circle") || o.n != 1 {
			t.Errorf("a circle of %d: %+v", length, o)
		}
	}
}

// Records of which none follows another take as much memory as they should, and few
// of them are listed.
func TestOrderBounded(t *testing.T) {
	const n = 300_000
	l := newLinks()
	for i := range n {
		l.add(hashOf(3*i+2), hashOf(3*i+1), time.UnixMilli(int64(n-i)), exported)
	}
	size := len(l.pages)*int(unsafe.Sizeof(linkPage{})) + 4*len(l.index)
	if perHash := size / int(l.hashes); perHash > 62 {
		t.Errorf("%d bytes a hash", perHash)
	}
	if o := l.order(); o.n != n || o.parts != n || len(o.ranges) != maxListed || o.ranges[0].First != hashOf(3*n-1).String() {
		t.Errorf("%d ranges, %d listed, first %s", o.n, len(o.ranges), fmt.Sprint(o.ranges[:1]))
	}
}
