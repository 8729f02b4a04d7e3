package history

import (
	"cmp"
	"context"
	"encoding/base64"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
)

// A Dimension is what calls are grouped by.
type Dimension string

// The dimensions of [Stats].
const (
	ByTool    Dimension = "tool"
	ByServer  Dimension = "server" // as the receipt names it (target)
	ByClient  Dimension = "client"
	BySigner  Dimension = "signer" // the name, and the key in base64 after "ed25519:"
	ByDay     Dimension = "day"    // of the request, in StatsOptions.Zone
	ByOutcome Dimension = "outcome"
	ByOwner   Dimension = "owner"
	ByVia     Dimension = "via"
	BySession Dimension = "session"
)

// Dimensions are all of them.
var Dimensions = []Dimension{ByTool, ByServer, ByClient, BySigner, ByDay, ByOutcome, ByOwner, ByVia, BySession}

// StatsOptions say what [Stats] counts. The zero value is all calls, in one group.
type StatsOptions struct {
	Filter
	// By has a list of groupings. Each puts every call into one group: that of the
	// calls that are the same in all its dimensions; one with none is all calls.
	By   [][]Dimension
	Zone *time.Location // of days; nil: UTC

	Progress func(records, bytes, total int64)
}

// A Group is what there is to say of some calls.
type Group struct {
	Key []string // a value for each dimension; nil in the group of those that found no room

	Calls   int64
	Failed  int64 // that failed or were rejected
	Open    int64 // without a known outcome
	Bytes   int64 // of the arguments of those whose arguments are in the log
	Hidden  int64 // calls of which only the hash of the arguments is
	First   time.Time
	Last    time.Time // of the requests
	Latency Latency   // from request to response
}

// maxGroups is how many groups a grouping has, besides the one for the rest. Tests lower
// it.
var maxGroups = 100_000

// maxName is how long a value may be in bytes, of which the beginning then counts for
// all: wrappers record no longer names of tools.
const maxName = 1024

// A StatsSummary is what there is to say of a counting.
type StatsSummary struct {
	Summary
	Doubts int64 // records that are not to be believed, and responses that count for no call
}

// Stats counts the calls in the log as it was when log was taken, once for each
// grouping, whose groups come in no order. Only what is believed counts, so each record
// is verified: it takes as long as to list the log. Memory is bounded: some 100 bytes for
// a group, and 16 for each size of latency in it.
func Stats(ctx context.Context, log *chain.Snapshot, o StatsOptions) (all [][]*Group, sum StatsSummary, err error) {
	groupings := make([]grouping, len(o.By))
	contexts := o.ofContext()
	for i, by := range o.By {
		groupings[i] = grouping{by: by, groups: map[string]*Group{}}
		contexts = contexts || slices.Contains(by, ByClient) || slices.Contains(by, ByOwner) || slices.Contains(by, ByVia)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	list := Options{Filter: o.Filter, Contexts: contexts, Progress: o.Progress}
	sum.Summary, err = List(ctx, log, list, func(row *Row) error {
		switch {
		case row.IsCall():
			for i := range groupings {
				groupings[i].add(row, o.Zone)
			}
		case row.counts():
			sum.Doubts++
		}
		return nil
	})
	for i := range groupings {
		var groups []*Group
		for _, g := range groupings[i].groups {
			groups = append(groups, g)
		}
		if groupings[i].rest != nil {
			groups = append(groups, groupings[i].rest)
		}
		all = append(all, groups)
	}
	return all, sum, err
}

type grouping struct {
	by     []Dimension
	groups map[string]*Group
	rest   *Group // nil: all found room
	buf    []byte
}

func (g *grouping) add(row *Row, zone *time.Location) {
	g.buf = g.buf[:0]
	for _, d := range g.by {
		v := d.of(row, zone)
		if len(v) > maxName {
			v = strings.ToValidUTF8(v[:maxName], "") + "..."
		}
		g.buf = append(append(g.buf, v...), 0xff) // which is in no text
	}
	group := g.groups[string(g.buf)]
	switch {
	case group != nil:
	case len(g.groups) < maxGroups:
		key := string(g.buf)
		group = &Group{Key: strings.Split(key, "\xff")[:len(g.by)]}
		g.groups[key] = group
	case g.rest == nil:
		g.rest = &Group{}
		fallthrough
	default:
		group = g.rest
	}
	group.add(row)
}

// of is the value of a call in a dimension.
func (d Dimension) of(row *Row, zone *time.Location) string {
	v := row.Says
	switch d {
	case ByTool:
		return v.Tool
	case ByServer:
		return v.Target
	case ByClient:
		return row.Context.ClientName()
	case BySigner:
		if n := len(v.Signers); n > 0 {
			return v.Signers[n-1].Name + " ed25519:" + base64.StdEncoding.EncodeToString(v.Signers[n-1].Key)
		}
	case ByDay:
		return v.Time.In(zone).Format(time.DateOnly)
	case ByOutcome:
		return string(row.Outcome())
	case ByOwner:
		return row.Context.Owner
	case ByVia:
		return row.Context.Via
	case BySession:
		return v.Session
	}
	return ""
}

func (g *Group) add(row *Row) {
	v := row.Says
	g.Calls++
	switch {
	case row.Failed():
		g.Failed++
	case row.Open():
		g.Open++
	}
	if arguments := v.Arguments(); v.HashOnly {
		g.Hidden++
	} else {
		g.Bytes += int64(len(arguments))
	}
	if g.First.IsZero() || v.Time.Before(g.First) {
		g.First = v.Time
	}
	if v.Time.After(g.Last) {
		g.Last = v.Time
	}
	if took, ok := row.Took(); ok {
		g.Latency.Add(took)
	}
}

// A Latency is how long calls took. It keeps how many were in each of some ranges, whose
// width is at most a 32nd of where they begin: what [Latency.Quantile] says is within 1.6 % of
// one of the values, and exact below 64 ms. Receipts have milliseconds.
type Latency struct {
	ranges []latencyRange // in order
	n      int64
}

type latencyRange struct {
	i int32
	n int64
}

// Add adds a time; below zero it is zero.
func (l *Latency) Add(took time.Duration) {
	i := rangeOf(took.Milliseconds())
	at, found := slices.BinarySearchFunc(l.ranges, i, func(r latencyRange, i int32) int { return cmp.Compare(r.i, i) })
	if !found {
		l.ranges = slices.Insert(l.ranges, at, latencyRange{i, 0})
	}
	l.ranges[at].n++
	l.n++
}

// Count is how many times were added.
func (l *Latency) Count() int64 { return l.n }

// Quantile is the time that a share q of the times, from 0 to 1, do not exceed; false if
// there are none.
func (l *Latency) Quantile(q float64) (time.Duration, bool) {
	if l.n == 0 {
		return 0, false
	}
	rank := max(int64(q*float64(l.n)+0.999999), 1) // of the value, from 1
	for _, r := range l.ranges {
		if rank -= r.n; rank <= 0 {
			return middleOf(r.i), true
		}
	}
	return middleOf(l.ranges[len(l.ranges)-1].i), true
}

const rangesPerDoubling = 32

// rangeOf is the range of a number of milliseconds: the number itself below 64, and then
// 32 for each doubling.
func rangeOf(ms int64) int32 {
	if ms < 2*rangesPerDoubling {
		return int32(max(ms, 0))
	}
	shift := bits.Len64(uint64(ms)) - 6 // what is left has 6 bits: from 32 to 63
	return int32(shift*rangesPerDoubling) + int32(ms>>shift)
}

// middleOf is the middle of a range.
func middleOf(i int32) time.Duration {
	if i < 2*rangesPerDoubling {
		return time.Duration(i) * time.Millisecond
	}
	shift := i/rangesPerDoubling - 1
	low := int64(i-shift*rangesPerDoubling) << shift
	return time.Duration(low+(int64(1)<<shift-1)/2) * time.Millisecond
}
