package page

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
)

// selected is the rows that a filter asks for. all: each row, and rows is nil.
type selected struct {
	all  bool
	rows []uint32
	n    int
}

func (s *selected) at(i int) int {
	if s.all {
		return i
	}
	return int(s.rows[i])
}

// A cached selection is good until the index changes.
type cached struct {
	filter string
	change int64
	*selected
}

// maxCached is how many selections are kept.
const maxCached = 4

// query returns the rows that f asks for, in the order of the log. A filter takes some
// 5 ns a row; grep must be that of its text, or nil.
func (x *index) query(f *history.Filter, g *grep) *selected {
	m := x.matcher(f)
	if m == nil && g == nil {
		return &selected{all: true, n: x.n}
	}
	s := &selected{rows: []uint32{}}
	for i := range x.n {
		if (m == nil || m(x.row(i))) && (g == nil || g.has(i)) {
			s.rows = append(s.rows, uint32(i))
		}
	}
	s.n = len(s.rows)
	return s
}

// matcher is the part of a filter for which the index alone is enough; nil: there is none.
func (x *index) matcher(f *history.Filter) func(*row) bool {
	var all []func(*row) bool
	part := func(n *names, want string, of func(*row) uint32) {
		if want == "" {
			return
		}
		set := n.match(func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(want)) })
		all = append(all, func(r *row) bool { return set[of(r)] })
	}
	if f.Tool != "" {
		part(&x.tools, f.Tool, func(r *row) uint32 { return r.tool })
		all = append(all, func(r *row) bool { return r.kind != kindEvent })
	}
	part(&x.servers, f.Target, func(r *row) uint32 { return r.server })
	part(&x.clients, f.Client, func(r *row) uint32 { return x.clientOf[r.context] })
	part(&x.signers, f.Signer, func(r *row) uint32 { return r.signer })
	if f.Session != "" {
		want := strings.TrimPrefix(f.Session, "ses_")
		set := x.sessions.match(func(s string) bool { return s != "" && strings.HasPrefix(strings.TrimPrefix(s, "ses_"), want) })
		all = append(all, func(r *row) bool { return set[r.session] })
	}
	if len(f.Outcomes) > 0 {
		var set [32]bool
		for _, o := range f.Outcomes {
			set[slices.Index(history.Outcomes, o)+1] = true
		}
		all = append(all, func(r *row) bool { return set[r.outcome] })
	}
	if !f.Since.IsZero() {
		since := f.Since.UnixMilli()
		all = append(all, func(r *row) bool { return r.time >= since })
	}
	if !f.Until.IsZero() {
		until := f.Until.UnixMilli()
		all = append(all, func(r *row) bool { return r.time <= until })
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return func(r *row) bool {
		for _, m := range all {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

func (n *names) match(want func(string) bool) []bool {
	set := make([]bool, len(n.list))
	for i, name := range n.list {
		set[i] = want(name)
	}
	return set
}

// most are the names that occur most often.
func (n *names) most(limit int) []string {
	order := make([]int, 0, len(n.list))
	for i := 1; i < len(n.list); i++ {
		if n.counts[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return int(n.counts[j] - n.counts[i]) })
	var all []string
	for _, i := range order[:min(limit, len(order))] {
		all = append(all, n.list[i])
	}
	return all
}

// A bar of the timeline: calls by how they ended.
type bar struct {
	Time   int64 `json:"time"` // when it begins, milliseconds since 1970
	Good   int64 `json:"good"`
	Failed int64 `json:"failed"`
	Other  int64 `json:"other"` // open, no response, and what is not believed
}

// steps are what bars last.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour, 3640 * 24 * time.Hour, 36400 * 24 * time.Hour,
}

const maxBars = 72

// timeline is how many calls there were when, in bars of whole days or parts of them in
// a zone so far east of UTC. Events are no calls.
func (x *index) timeline(s *selected, east time.Duration) (bars []bar, step time.Duration) {
	first, last := int64(0), int64(0)
	for i := range s.n {
		r := x.row(s.at(i))
		if r.time == 0 || r.kind != kindCall {
			continue
		}
		if first == 0 || r.time < first {
			first = r.time
		}
		last = max(last, r.time)
	}
	if first == 0 {
		return nil, 0
	}
	for _, step = range steps {
		if (last-first)/step.Milliseconds() < maxBars-1 {
			break
		}
	}
	ms := step.Milliseconds()
	begin := (first+east.Milliseconds())/ms*ms - east.Milliseconds()
	if begin > first { // before 1970
		begin -= ms
	}
	n := (last-begin)/ms + 1
	bars = make([]bar, min(n, 4*maxBars))
	for i := range bars {
		bars[i].Time = begin + int64(i)*ms
	}
	for i := range s.n {
		r := x.row(s.at(i))
		if r.time == 0 || r.kind != kindCall {
			continue
		}
		b := &bars[min((r.time-begin)/ms, int64(len(bars)-1))]
		switch outcomeOf(r.outcome) {
		case history.Executed, history.Checked, history.Responded, "":
			b.Good++
		case history.Failed, history.Rejected:
			b.Failed++
		default:
			b.Other++
		}
	}
	return bars, step
}

// A grep is a search for a text in the arguments, which are in the log and not in the
// index: it reads the log once, and shows what it has found so far. What is followed
// later is looked at as it comes.
type grep struct {
	text string
	bits []uint64 // rows; under the lock of the index

	stop               context.CancelFunc
	records, bytes, of atomic.Int64
	done               atomic.Bool
	err                atomic.Value // string
}

func (g *grep) set(i int) {
	for i/64 >= len(g.bits) {
		g.bits = append(g.bits, 0)
	}
	g.bits[i/64] |= 1 << (i % 64)
}

func (g *grep) has(i int) bool { return i/64 < len(g.bits) && g.bits[i/64]&(1<<(i%64)) != 0 }

func (g *grep) matches(h *history.Row) bool {
	return h.Says != nil && h.Says.Type == "" && !history.IsResponse(h.Says) && history.ArgumentsHave(h.Says.Arguments(), g.text)
}

// maxGreps is how many searches are kept; the oldest is given up.
const maxGreps = 3

// grepOf is the search for a text, which it starts if there is none.
func (s *Server) grepOf(text string) *grep {
	x := s.index
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, g := range x.greps {
		if g.text == text {
			x.greps = append(slices.Delete(x.greps, i, i+1), g)
			return g
		}
	}
	ctx, stop := context.WithCancel(s.ctx)
	g := &grep{text: text, stop: stop}
	x.greps = append(x.greps, g)
	if len(x.greps) > maxGreps {
		x.greps[0].stop()
		x.greps = slices.Delete(x.greps, 0, 1)
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		s.grep(ctx, g)
	}()
	return g
}

func (s *Server) grep(ctx context.Context, g *grep) {
	log, err := chain.TakeSnapshot(s.o.Audit)
	if err == nil {
		o := history.Options{Filter: history.Filter{Grep: g.text}}
		o.Progress = func(records, bytes, total int64) {
			g.records.Store(records)
			g.bytes.Store(bytes)
			g.of.Store(total)
			s.changed()
		}
		_, err = history.List(ctx, log, o, func(h *history.Row) error {
			s.index.mu.Lock()
			defer s.index.mu.Unlock()
			if at, ok := s.index.place(h.Position()); ok {
				if i, ok := s.index.find(at); ok {
					g.set(i)
					s.index.change++
				}
			}
			return nil
		})
	}
	if err != nil && ctx.Err() == nil {
		g.err.Store(err.Error())
	}
	g.done.Store(true)
	s.changed()
}
