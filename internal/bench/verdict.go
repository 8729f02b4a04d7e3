package main

import (
	"fmt"
	"math"
)

// A growth is how a figure went from the first quarter of a soak to the last.
type growth struct {
	name        string
	first, last float64 // medians of the quarters
	slack       float64 // what is no growth in any case
}

// tolerance is how much of the first figure is no growth.
const tolerance = 0.10

func (g growth) grew() bool { return g.last > g.first+max(g.slack, g.first*tolerance) }

// grown compares, after a warm-up of a tenth, the first quarter of the samples
// with the last. It leaves out what could not be measured.
func grown(all []sample) []growth {
	all = all[len(all)/10:]
	quarter := max(1, len(all)/4)
	if len(all) < 2 {
		return nil
	}
	var found []growth
	for _, f := range []struct {
		name  string
		slack float64
		of    func(sample) float64
	}{
		{"RSS MB", 0, func(s sample) float64 { return s.RSS }},
		{"threads", 2, func(s sample) float64 { return float64(s.Threads) }}, // Go's, which come and go
		{"open files", 2, func(s sample) float64 { return float64(s.Files) }},
		{"guard MB", 0, func(s sample) float64 { return s.Guard }},
	} {
		middle := func(samples []sample) float64 {
			var values []float64
			for _, s := range samples {
				values = append(values, f.of(s))
			}
			return median(values)
		}
		if g := (growth{f.name, middle(all[:quarter]), middle(all[len(all)-quarter:]), f.slack}); min(g.first, g.last) >= 0 {
			found = append(found, g)
		}
	}
	return found
}

// verdict prints what became of each figure, and whether the wrapper grew: if
// so, it returns errGrew.
func (b *bench) verdict(all []sample) error {
	found := grown(all)
	if len(found) == 0 {
		fmt.Fprintln(b.out, "no verdict: this system does not say what a process holds, or the soak was too short")
		return nil
	}
	var err error
	for _, g := range found {
		if g.grew() {
			err = errGrew
		}
		if b.json {
			if err := writeJSON(b.out, map[string]any{"figure": g.name, "first_quarter": g.first, "last_quarter": g.last, "grew": g.grew()}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(b.out, "%-10s first quarter after warm-up %6.1f, last quarter %6.1f, %+.1f %%\n",
			g.name, g.first, g.last, 100*(g.last-g.first)/math.Max(g.first, 1e-9))
	}
	if !b.json {
		fmt.Fprintln(b.out, map[bool]string{true: "grew", false: "no growth"}[err != nil])
	}
	return err
}
