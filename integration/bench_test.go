package integration

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// The benchmarks of this package compare ways to one and the same server. The
// ways take turns within one loop, so that whatever else the machine does
// falls on all of them; what is reported is the median of each.

// A turn is of block messages: the first ones warm what the other ways cooled.
const block = 50

const (
	benchCall  = `{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search","arguments":{"query":"weather in Zürich","limit":10,"fields":["title","url"]}}}` + "\n"
	benchOther = `{"jsonrpc":"2.0","id":17,"method":"resources/read","params":{"uri":"file:///srv/notes/2026/11/23.md"}}` + "\n"
)

// pipeline is a way to the server, and what is sent along it.
type pipeline struct {
	name string
	line string
	argv []string
}

// pipelines are the ways that BenchmarkCall and BenchmarkBurst compare. What
// two more pipe hops cost, whoever makes them, is what "cats" shows.
func pipelines(b *testing.B) []pipeline {
	b.Helper()
	server := fake(b, "reply")
	cats := []string{"sh", "-c", "cat | " + quoted(server) + " | cat"}
	return []pipeline{
		{"direct", benchCall, server},
		{"cats", benchCall, cats},
		{"other", benchOther, wrapped.argv(b, nil, server...)},
		{"call", benchCall, wrapped.argv(b, []string{"--sync", "off"}, server...)},
		{"call-without-outcome", benchCall, wrapped.argv(b, []string{"--sync", "off", "--outcomes", "off"}, server...)},
		{"synced-call", benchCall, wrapped.argv(b, []string{"--sync", "always"}, server...)},
	}
}

// quoted is argv as a line for sh. Paths of tests hold no quotes.
func quoted(argv []string) string { return "'" + strings.Join(argv, "' '") + "'" }

// BenchmarkCall measures one message there and one back: a call direct and
// between two cats; through the wrapper another message, a call without fsync,
// the same with no record of its outcome, and a call with fsync. "fsync" is what the disk takes for the log's share alone.
func BenchmarkCall(b *testing.B) {
	all := pipelines(b)
	procs := make([]*proc, len(all))
	times := make([][]time.Duration, len(all))
	for i, w := range all {
		procs[i] = start(b, b.TempDir(), w.argv)
		turn(procs[i], w.line)
	}
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	record := []byte(strings.Repeat("x", 900) + "\n")
	var disk []time.Duration
	for b.Loop() {
		for i, w := range all {
			for range block {
				began := time.Now()
				turn(procs[i], w.line)
				times[i] = append(times[i], time.Since(began))
			}
		}
		for range block {
			began := time.Now()
			if _, err := file.Write(record); err != nil {
				b.Fatal(err)
			}
			if err := durable.Sync(file); err != nil {
				b.Fatal(err)
			}
			disk = append(disk, time.Since(began))
		}
	}
	for i, w := range all {
		b.ReportMetric(micros(median(times[i])), w.name+"-µs")
	}
	b.ReportMetric(micros(median(disk)), "fsync-µs")
	b.ReportMetric(0, "ns/op")
}

// turn sends a line and waits for the answer.
func turn(p *proc, line string) {
	if _, err := p.in.WriteString(line); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.out.ReadSlice('\n'); err != nil {
		p.t.Fatal(err)
	}
}

// BenchmarkBurst measures how many calls a second go through when the client
// does not wait for answers: bursts of 2,000.
func BenchmarkBurst(b *testing.B) {
	const burst = 2000
	all := slices.DeleteFunc(pipelines(b), func(w pipeline) bool { return w.name == "other" })
	procs := make([]*proc, len(all))
	times := make([][]time.Duration, len(all))
	for i, w := range all {
		procs[i] = start(b, b.TempDir(), w.argv)
		turn(procs[i], w.line)
	}
	for b.Loop() {
		for i, w := range all {
			p, lines := procs[i], []byte(strings.Repeat(w.line, burst))
			began := time.Now()
			go p.in.Write(lines)
			for range burst {
				if _, err := p.out.ReadSlice('\n'); err != nil {
					b.Fatal(err)
				}
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	for i, w := range all {
		b.ReportMetric(burst/median(times[i]).Seconds(), w.name+"-calls/s")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures from the start of the command to the first answer,
// for a message that is no call and for a first call, which finds the key and
// opens the log.
func BenchmarkStart(b *testing.B) {
	server := fake(b, "reply")
	home := newHome(b)
	first := start(b, home.dir, wrapped.argv(b, nil, server...))
	turn(first, benchCall) // makes the key
	first.finish()
	all := []pipeline{
		{"direct", benchOther, server},
		{"wrapped", benchOther, wrapped.argv(b, nil, server...)},
		{"wrapped-call", benchCall, wrapped.argv(b, nil, server...)},
	}
	times := make([][]time.Duration, len(all))
	for b.Loop() {
		for i, w := range all {
			began := time.Now()
			p := start(b, home.dir, w.argv)
			turn(p, w.line)
			times[i] = append(times[i], time.Since(began))
			p.finish()
		}
	}
	for i, w := range all {
		b.ReportMetric(micros(median(times[i]))/1000, w.name+"-ms")
	}
	b.ReportMetric(micros(median(times[1])-median(times[0]))/1000, "added-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMemory measures what the wrapper, and all that it started but the
// server, hold after 10,000 calls.
func BenchmarkMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("memory is read from /proc")
	}
	var rss, pss, processes float64
	for b.Loop() {
		home := newHome(b)
		p := start(b, home.dir, wrapped.argv(b, nil, fake(b, "reply")...))
		for range 10_000 {
			turn(p, benchCall)
		}
		rss, pss, processes = 0, 0, 0
		for _, pid := range p.family() {
			r, s := memory(b, pid)
			rss, pss, processes = rss+r, pss+s, processes+1
		}
		p.finish()
	}
	b.ReportMetric(rss, "RSS-MB")
	b.ReportMetric(pss, "PSS-MB")
	b.ReportMetric(processes, "processes")
	b.ReportMetric(0, "ns/op")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
