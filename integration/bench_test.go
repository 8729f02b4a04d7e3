package integration

import (
	"slices"
	"strings"
	"time"
)

// The benchmarks of this package show what the table of internal/bench does
// not: many wrappers at once, huge responses, many calls in flight. They compare
// ways to one and the same server, which take turns within one loop, so that
// whatever else the machine does falls on all of them; what is reported is the
// median of each.

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

// quoted is argv as a line for sh. Paths of tests hold no quotes.
func quoted(argv []string) string { return "'" + strings.Join(argv, "' '") + "'" }

// turn sends a line and waits for the response.
func turn(p *proc, line string) {
	if _, err := p.in.WriteString(line); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.out.ReadSlice('\n'); err != nil {
		p.t.Fatal(err)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
