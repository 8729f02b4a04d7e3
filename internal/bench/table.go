package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// A row is a line of the table. What was not measured is nil.
type row struct {
	Size   int      `json:"size"` // of a message, in bytes
	Way    string   `json:"way"`
	Turns  int      `json:"turns"`
	P50    *float64 `json:"p50_us,omitempty"` // of a message there and back
	P95    *float64 `json:"p95_us,omitempty"`
	P99    *float64 `json:"p99_us,omitempty"`
	Max    *float64 `json:"max_us,omitempty"`
	Over   *float64 `json:"over_cats_us,omitempty"` // P50 less that of two cats
	Times  *float64 `json:"times_cats,omitempty"`
	Signs  *float64 `json:"signs,omitempty"`   // Over, and less the disk where a call waits for it, in signatures
	Spread *float64 `json:"p95_p50,omitempty"` // P95 / P50
	Rate   *float64 `json:"calls_per_s,omitempty"`
	First  *float64 `json:"first_answer_ms,omitempty"`  // from the start on, less the base's
	Call   *float64 `json:"first_message_ms,omitempty"` // likewise
	RSS    *float64 `json:"rss_mb,omitempty"`
	Peak   *float64 `json:"peak_mb,omitempty"`
	Failed string   `json:"failed,omitempty"`

	absolute bool // First and Call are not less anything
}

// rows makes the table's rows of the runs of one load.
func rows(l *load, runs []*run) []row {
	named := map[string]*run{}
	for _, r := range runs {
		named[r.way.name] = r
	}
	cats, disk, sign := named[nameCats], named[nameDisk], named[nameSign]
	var all []row
	for _, r := range runs {
		row := row{Size: l.size, Way: r.way.name, Turns: len(r.turns), absolute: r.way.base == ""}
		if r.failed != nil {
			row.Failed = r.failed.Error()
			all = append(all, row)
			continue
		}
		if len(r.turns) > 0 {
			p50 := quantile(r.turns, 0.5)
			row.P50, row.P95, row.P99, row.Max = in(time.Microsecond, p50), in(time.Microsecond, quantile(r.turns, 0.95)),
				in(time.Microsecond, quantile(r.turns, 0.99)), in(time.Microsecond, quantile(r.turns, 1))
			spread := float64(*row.P95) / float64(*row.P50)
			row.Spread = &spread
			if cats.failed == nil && r != cats && !r.way.alone {
				floor := quantile(cats.turns, 0.5)
				times := float64(p50) / float64(floor)
				row.Over, row.Times = in(time.Microsecond, p50-floor), &times
				if r.way.syncs {
					floor += quantile(disk.turns, 0.5)
				}
				if sign.failed == nil && (disk.failed == nil || !r.way.syncs) {
					signs := float64(p50-floor) / float64(quantile(sign.turns, 0.5))
					row.Signs = &signs
				}
			}
		}
		if len(r.rates) > 0 {
			rate := median(r.rates)
			row.Rate = &rate
		}
		if len(r.first) > 0 {
			first, message := median(r.first), median(r.message)
			base := named[r.way.base]
			switch {
			case base == nil:
			case base.failed == nil && len(base.first) > 0:
				first, message = first-median(base.first), message-median(base.message)
			default:
				row.absolute = true
			}
			row.First, row.Call = in(time.Millisecond, first), in(time.Millisecond, message)
		}
		if r.memory.rss >= 0 {
			row.RSS, row.Peak = &r.memory.rss, &r.memory.peak
		}
		all = append(all, row)
	}
	return all
}

func in(unit, d time.Duration) *float64 {
	v := float64(d) / float64(unit)
	return &v
}

// columns head the table, after the way.
var columns = []struct {
	name  string
	width int
}{
	{"p50", 8}, {"p95", 8}, {"p99", 8}, {"max", 8}, {"p95/p50", 7}, {"over cats", 10}, {"x cats", 7}, {"signs", 6}, {"calls/s", 8},
	{"1st response", 13}, {"1st message", 12}, {"RSS MB", 7}, {"peak MB", 8},
}

const nameWidth = 46

// writeRows writes the rows of one load.
func writeRows(w io.Writer, l *load, all []row) {
	fmt.Fprintf(w, "\n%-*s", nameWidth, fmt.Sprintf("%s, %s turns", l.name, thousands(float64(l.rounds*(l.block-l.warm)))))
	for _, c := range columns {
		fmt.Fprintf(w, " %*s", c.width, c.name)
	}
	fmt.Fprintln(w)
	for _, r := range all {
		name := r.Way
		if runes := []rune(name); len(runes) > nameWidth {
			name = string(runes[:nameWidth-1]) + "…"
		}
		fmt.Fprintf(w, "%-*s", nameWidth, name)
		if r.Failed != "" {
			fmt.Fprintf(w, " failed: %s\n", r.Failed)
			continue
		}
		for i, c := range r.cells() {
			fmt.Fprintf(w, " %*s", columns[i].width, c)
		}
		if r.Turns < l.rounds*(l.block-l.warm) {
			fmt.Fprintf(w, "  (%d turns)", r.Turns)
		}
		fmt.Fprintln(w)
	}
}

// cells are the row's, below columns.
func (r row) cells() []string {
	start := func(v *float64) string {
		switch {
		case v == nil:
			return "-"
		case r.absolute:
			return fmt.Sprintf("%.1f ms", *v)
		}
		return fmt.Sprintf("%+.1f ms", *v)
	}
	over := micros(r.Over)
	if r.Over != nil && *r.Over >= 0 {
		over = "+" + over
	}
	rate := "-"
	if r.Rate != nil {
		if rate = thousands(*r.Rate); *r.Rate < 100 {
			rate = fmt.Sprintf("%.1f", *r.Rate)
		}
	}
	return []string{micros(r.P50), micros(r.P95), micros(r.P99), micros(r.Max), figure("%.2f", r.Spread), over, figure("%.2f", r.Times),
		figure("%.2f", r.Signs), rate, start(r.First), start(r.Call), figure("%.1f", r.RSS), figure("%.1f", r.Peak)}
}

func figure(format string, v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

// micros is a time with its unit, in three digits or four.
func micros(us *float64) string {
	if us == nil {
		return "-"
	}
	switch v := *us; { // 99.95 would be rounded to 100.0
	case v < 99.95 && v > -99.95:
		return fmt.Sprintf("%.1f µs", v)
	case v < 999.5 && v > -999.5:
		return fmt.Sprintf("%.0f µs", v)
	case v < 9_995 && v > -9_995:
		return fmt.Sprintf("%.2f ms", v/1000)
	case v < 99_950 && v > -99_950:
		return fmt.Sprintf("%.1f ms", v/1000)
	default:
		return fmt.Sprintf("%.0f ms", v/1000)
	}
}

// thousands is a whole number with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// legend says what the columns are.
const legend = `
p50 to max     a message there and back: the client sends, waits for the response, sends the next
over, x cats   p50 less that of two cats, and divided by it
signs          p50 less that of two cats, and of the disk where each call waits for it, in Ed25519 signatures
calls/s        when the client does not wait: bursts, the responses are read meanwhile; of mcp-go, 32 in flight
1st response   from the start of the command to the response to "initialize", less that of the direct way
1st message    from there to the response to the first message, less likewise (direct: both in full)
RSS, peak      what the wrapper holds after all that, and held at most, without server and guard
`

// writeMachine says where and when this was measured.
func (b *bench) writeMachine(w io.Writer, before string) {
	fmt.Fprintf(w, "%s/%s, %d CPUs, %s, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04"))
	if s := system(); s != "" {
		fmt.Fprintf(w, ", %s", s)
	}
	if before != "" {
		fmt.Fprintf(w, ", load %s before", before)
	}
	fmt.Fprintln(w)
	if st, err := os.Stat(b.binary); err == nil {
		fmt.Fprintf(w, "signet-wrap: %s bytes\n", thousands(float64(st.Size())))
	}
	fmt.Fprintf(w, "the system's log: %s\n", cmp.Or(b.journal, "no heads are sent (root on Linux has a journald of its own for them)"))
}

// writeJSON writes one value as a line.
func writeJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
