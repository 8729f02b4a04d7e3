package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func (s *scene) stats(o StatsOptions) (said []string, sum StatsSummary) {
	s.t.Helper()
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	all, sum, err := Stats(s.t.Context(), log, o)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, groups := range all {
		for _, g := range groups {
			p50, _ := g.Latency.Quantile(0.5)
			said = append(said, fmt.Sprintf("%.40q: %d, %d failed, %d open, %v, %d bytes, %d hidden", g.Key, g.Calls, g.Failed, g.Open, p50, g.Bytes, g.Hidden))
		}
	}
	slices.Sort(said)
	return said, sum
}

// Calls are counted with what came of them, and only what is believed.
func TestStats(t *testing.T) {
	s := newScene(t)
	s.event(s.a, event.Session{Session: sessionA, Via: "wrap", Client: &event.Implementation{Name: "desk"}})
	for i, tool := range []string{"pay", "look", "open"} {
		s.call(tool)
		if tool != "open" {
			s.respond(s.a, tool, []string{"failed", "executed"}[i], func(a *sign.Response) { a.Responded = a.Requested.Add(time.Duration(10*i) * time.Millisecond) })
		}
	}
	s.respond(s.b, "open", "executed")         // another's
	s.raw(s.receipts[1])                       // a copy
	s.raw(`{"calls":1,"type":"gap","v":1}`)    // unsigned
	s.event(s.a, event.Gap{Session: sessionA}) // no call
	all := `[]: 3, 1 failed, 1 open, 0s, 21 bytes, 0 hidden`
	by := []string{
		`["look" "desk"]: 1, 0 failed, 0 open, 10ms, 7 bytes, 0 hidden`,
		`["open" "desk"]: 1, 0 failed, 1 open, 0s, 7 bytes, 0 hidden`,
		`["pay" "desk"]: 1, 1 failed, 0 open, 0s, 7 bytes, 0 hidden`,
	}
	got, sum := s.stats(StatsOptions{By: [][]Dimension{nil, {ByTool, ByClient}}})
	if want := append(by, all); !slices.Equal(got, want) || sum.Doubts != 2 || sum.Copies != 1 {
		t.Errorf("%q, want\n%q; %+v", got, want, sum)
	}
	if got, _ := s.stats(StatsOptions{By: [][]Dimension{{ByTool, ByClient}}, Filter: Filter{Outcomes: []Outcome{Failed}}}); !slices.Equal(got, by[2:]) {
		t.Errorf("%q", got)
	}
	for _, d := range Dimensions {
		if got, _ := s.stats(StatsOptions{By: [][]Dimension{{d}}}); len(got) == 0 || strings.HasPrefix(got[0], `[""]`) && d != ByOwner {
			t.Errorf("by %s: %q", d, got)
		}
	}
}

// However many groups there are, and however long their names, there is a bound, and
// nothing is left out of the count.
func TestStatsAreBounded(t *testing.T) {
	defer func(n int) { maxGroups = n }(maxGroups)
	maxGroups = 3
	s := newScene(t)
	for i := range 10 {
		s.call(fmt.Sprint(strings.Repeat("x", 2*maxName*(i%2)), i))
	}
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := Stats(t.Context(), log, StatsOptions{By: [][]Dimension{{ByTool}}})
	if err != nil || len(all) != 1 || len(all[0]) != maxGroups+1 {
		t.Fatalf("%v, %v", all, err)
	}
	n := int64(0)
	for _, g := range all[0] {
		if n += g.Calls; g.Key != nil && len(g.Key[0]) > maxName+3 {
			t.Errorf("a name of %d bytes", len(g.Key[0]))
		}
	}
	if n != 10 {
		t.Errorf("%d calls", n)
	}
}

// Quantiles are exact below 64 ms, and else within 1.6 % of the value that has the rank.
func TestLatency(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var l Latency
		var all []int64
		for range 1 + r.IntN(300) {
			ms := int64(math.Exp(r.Float64() * 25)) // to two thousand years
			if round%3 == 0 {
				ms = r.Int64N(64)
			}
			all = append(all, ms)
			l.Add(time.Duration(ms)*time.Millisecond + time.Duration(r.IntN(1e6)))
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.95, 1} {
			want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
			took, ok := l.Quantile(q)
			off := math.Abs(float64(took.Milliseconds() - want))
			if !ok || off > 0.016*float64(want) || want < 64 && off > 0 {
				t.Fatalf("the quantile %v of %d is %v, want %d ms", q, len(all), took, want)
			}
		}
	}
	if _, ok := new(Latency).Quantile(0.5); ok {
		t.Error("a quantile of nothing")
	}
}
