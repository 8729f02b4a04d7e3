package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
)

// A Range is records of a file that follow one another, each the one before it.
type Range struct {
	First       string `json:"first"` // record_hash of the first record
	Last        string `json:"last"`
	From        string `json:"from,omitempty"` // the earliest time of a believed record
	To          string `json:"to,omitempty"`
	Records     int64  `json:"records"`
	NotExported int64  `json:"not_exported,omitempty"` // of them, known by their hashes only
	Begins      bool   `json:"begins"`                 // with the first record of a log

	prev chain.Hash // the record that the first one follows
}

// maxLinked bounds the records of a file that are put in order, some 60 bytes each.
const maxLinked = 5_000_000

// links are the records of a file, by their hashes, in any order. Hashes have numbers, from
// 1 on, those of records and those that only a record names as the one before it. What
// comes back may be of millions of records, so there is no map: it would take five times
// the memory.
type links struct {
	seed    maphash.Seed
	index   []uint32 // numbers, by hash: open addressing, in a power of two of places; 0: free
	pages   []*linkPage
	hashes  uint32 // numbers in use
	records int
	full    bool // there were more records than maxLinked
}

// A linkPage has the hashes of some numbers in a row: nothing is moved when there are more.
type linkPage struct {
	links  [linksPerPage]link
	states [linksPerPage]linkState
}

const linksPerPage = 4096

type link struct {
	hash       chain.Hash
	prev, next uint32 // numbers; 0: there is none
	time       int64  // Unix milliseconds; 0: not known
}

// A linkState is what is known of a hash.
type linkState uint8

const (
	named    linkState = iota // by the record after it
	absent                    // a record that was not exported
	exported                  // a record
)

func newLinks() *links { return &links{seed: maphash.MakeSeed(), index: make([]uint32, 1024)} }

func (l *links) at(n uint32) *link        { return &l.pages[n/linksPerPage].links[n%linksPerPage] }
func (l *links) state(n uint32) linkState { return l.pages[n/linksPerPage].states[n%linksPerPage] }

// find is the place of a hash in index: of its number, or where it has to go. The seed is
// secret, so nobody can make hashes that meet there.
func (l *links) find(hash *chain.Hash) int {
	i := int(maphash.Bytes(l.seed, hash[:])) & (len(l.index) - 1)
	for l.index[i] != 0 && l.at(l.index[i]).hash != *hash {
		i = (i + 1) & (len(l.index) - 1)
	}
	return i
}

// number is that of a hash, which gets one if it has none.
func (l *links) number(hash *chain.Hash) uint32 {
	i := l.find(hash)
	if l.index[i] != 0 {
		return l.index[i]
	}
	if int(l.hashes)*4 >= len(l.index)*3 {
		l.index = make([]uint32, 2*len(l.index))
		for n := uint32(1); n <= l.hashes; n++ {
			l.index[l.find(&l.at(n).hash)] = n
		}
		i = l.find(hash)
	}
	l.hashes++
	if int(l.hashes/linksPerPage) >= len(l.pages) {
		l.pages = append(l.pages, new(linkPage))
	}
	l.at(l.hashes).hash = *hash
	l.index[i] = l.hashes
	return l.hashes
}

// add takes a record, and says whether it was there already. What was given by its hash
// only is replaced by the record itself.
func (l *links) add(hash, prev chain.Hash, at time.Time, state linkState) (again bool) {
	was := named
	if n := l.index[l.find(&hash)]; n != 0 {
		was = l.state(n)
	}
	switch {
	case was >= state:
		return true
	case was == named && l.records >= maxLinked:
		l.full = true
		return false
	case was == named:
		l.records++
	}
	n := l.number(&hash)
	before := uint32(0)
	if !prev.IsZero() {
		before = l.number(&prev)
	}
	x := l.at(n)
	x.prev, x.time = before, 0
	if !at.IsZero() {
		x.time = at.UnixMilli()
	}
	l.pages[n/linksPerPage].states[n%linksPerPage] = state
	return false
}

// An order is the records of a file in order.
type order struct {
	ranges []Range // by their times, the first of them
	n      int64   // all of them
	parts  int64   // of all, those that do not begin with the first record of a log
	absent int64   // records that were not exported

	absentFirst []string // their hashes, of the first
	torn        []string // records contradict one another: two follow the same one, or hashes of what was not exported lead in a circle
}

// order puts the records in order.
func (l *links) order() (o order) {
	for n := uint32(1); n <= l.hashes; n++ {
		x := l.at(n)
		if l.state(n) == named || x.prev == 0 {
			continue
		}
		before := l.at(x.prev)
		if other := before.next; other != 0 {
			if len(o.torn) < maxListed {
				a, b := l.at(other).hash, x.hash
				if bytes.Compare(a[:], b[:]) > 0 {
					a, b = b, a
				}
				o.torn = append(o.torn, fmt.Sprintf("%s and %s both follow %s", short(a), short(b), short(before.hash)))
			}
			if l.state(other) >= l.state(n) {
				continue
			}
		}
		before.next = n
	}
	reached := 0
	for n := uint32(1); n <= l.hashes; n++ {
		x := l.at(n)
		if l.state(n) == named || x.prev != 0 && l.state(x.prev) != named && l.at(x.prev).next == n {
			continue
		}
		r := l.follow(n, &o)
		reached += int(r.Records)
		if o.n++; !r.Begins {
			o.parts++
		}
		i, _ := slices.BinarySearchFunc(o.ranges, r, func(a, b Range) int {
			begins := map[bool]int{true: 1} // first, if times are the same
			return cmp.Or(cmp.Compare(a.From, b.From), begins[b.Begins]-begins[a.Begins], cmp.Compare(a.First, b.First))
		})
		if i < maxListed {
			o.ranges = slices.Insert(o.ranges, i, r)
			o.ranges = o.ranges[:min(len(o.ranges), maxListed)]
		}
	}
	if reached < l.records {
		o.torn = append(o.torn, "hashes of records that were not exported lead in a circle")
	}
	slices.Sort(o.torn)
	return o
}

// follow is the range that begins with a record. What was not exported of it goes into o.
func (l *links) follow(n uint32, o *order) Range {
	first := l.at(n)
	r := Range{First: first.hash.String(), Begins: first.prev == 0}
	if first.prev != 0 {
		r.prev = l.at(first.prev).hash
	}
	var from, to int64
	var last *link
	for ; n != 0; n = last.next {
		last = l.at(n)
		if r.Records++; l.state(n) == absent {
			r.NotExported++
			if o.absent++; len(o.absentFirst) < maxListed {
				o.absentFirst = append(o.absentFirst, last.hash.String())
			}
		}
		if at := last.time; at != 0 {
			if from == 0 || at < from {
				from = at
			}
			to = max(to, at)
		}
	}
	r.Last, r.From, r.To = last.hash.String(), unixTime(from), unixTime(to)
	return r
}

func short(h chain.Hash) string { return h.String()[:len("sha256:")+12] }

func unixTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return formatTime(time.UnixMilli(ms))
}
