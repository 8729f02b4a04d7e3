package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkMany measures what a wrapper adds where many of them run: 1, 10 and
// 30, each with its own server and 10,000 calls after it.
//
//	added-start-ms   from the start to the first response, less what that takes without the wrapper
//	other-µs         a message that is no call, there and back; the wrappers take turns
//	cats-µs          the same with `cat | server | cat` instead of each wrapper
//	wrapper-…-MB     what one wrapper holds in memory: resident, and its share of that
//	guard-…-MB       what one guard holds
func BenchmarkMany(b *testing.B) {
	server := fake(b, "reply")
	cats := []string{"sh", "-c", "cat | " + quoted(server) + " | cat"}
	for _, n := range []int{1, 10, 30} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			home := newHome(b)
			ways := [][]*proc{make([]*proc, n), make([]*proc, n)}
			for i := range n {
				ways[0][i] = start(b, b.TempDir(), cats)
				ways[1][i] = start(b, home.dir, wrapped.argv(b, nil, server...))
				tenThousand(b, ways[1][i])
			}
			var latency, starts [2][]time.Duration
			for b.Loop() {
				for w, procs := range ways {
					for _, p := range procs {
						turn(p, benchOther) // wakes it
						for range block {
							began := time.Now()
							turn(p, benchOther)
							latency[w] = append(latency[w], time.Since(began))
						}
					}
				}
				for w, argv := range [][]string{server, wrapped.argv(b, nil, server...)} {
					began := time.Now()
					p := start(b, home.dir, argv)
					turn(p, benchOther)
					starts[w] = append(starts[w], time.Since(began))
					p.finish()
				}
			}
			// The wrapper itself comes first in its family, then its guard.
			var rss, pss [2]float64
			for _, p := range ways[1] {
				family := p.family()
				if len(family) != 2 {
					b.Fatalf("the wrapper and %d others", len(family)-1)
				}
				for i, pid := range family {
					r, s := memory(b, pid)
					rss[i], pss[i] = rss[i]+r/float64(n), pss[i]+s/float64(n)
				}
			}
			b.ReportMetric(micros(median(starts[1])-median(starts[0]))/1000, "added-start-ms")
			b.ReportMetric(micros(median(latency[0])), "cats-µs")
			b.ReportMetric(micros(median(latency[1])), "other-µs")
			b.ReportMetric(rss[0], "wrapper-RSS-MB")
			b.ReportMetric(pss[0], "wrapper-PSS-MB")
			b.ReportMetric(rss[1], "guard-RSS-MB")
			b.ReportMetric(pss[1], "guard-PSS-MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// tenThousand makes 10,000 calls, a hundred at a time.
func tenThousand(b *testing.B, p *proc) {
	b.Helper()
	lines := []byte(strings.Repeat(benchCall, 100))
	for range 100 {
		p.write(lines)
		for range 100 {
			p.line()
		}
	}
	p.in.SetWriteDeadline(time.Time{})
	p.pipe.SetReadDeadline(time.Time{})
}
