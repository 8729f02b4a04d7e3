package main

import (
	"fmt"
	"strings"
)

// A finding is one number about a log.
type finding struct {
	name, unit string
	value      float64 // below 0: not known here
}

// findings prints numbers about a log of so many records.
func (b *bench) findings(of, how string, records int, all []finding) error {
	if !b.json {
		fmt.Fprintf(b.out, "\n%s, a log of %s records; %s\n", of, thousands(float64(records)), how)
	}
	for _, f := range all {
		if f.value < 0 {
			continue
		}
		if b.json {
			err := writeJSON(b.out, map[string]any{"of": of, "records": records, "figure": strings.TrimSpace(f.name), "unit": f.unit, "value": f.value})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(b.out, "%-*s %12s %s\n", nameWidth, f.name, strings.TrimSuffix(fmt.Sprintf("%.1f", f.value), ".0"), f.unit)
	}
	return nil
}
