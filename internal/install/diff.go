package install

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// mask stands for what may be secret.
var mask = []byte(`"***"`)

// masked is the document with the values of environments and headers masked.
// Whatever of them cannot be placed hides the lines it may be on.
func (d *Document) masked() string {
	var edits []edit
	var hide func(n *node)
	hide = func(n *node) {
		if n.kind == text || n.kind == other {
			edits = append(edits, edit{n.start, n.end, mask})
		}
		for _, m := range n.members {
			hide(m.value)
		}
		for _, e := range n.elems {
			hide(e)
		}
	}
	var walk func(n *node)
	walk = func(n *node) {
		for _, m := range n.members {
			if slices.Contains(envNames, m.name) || slices.Contains(headerNames, m.name) {
				hide(m.value)
			} else {
				walk(m.value)
			}
		}
		for _, e := range n.elems {
			walk(e)
		}
	}
	walk(d.root)
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at {
			continue
		}
		end := e.end
		if end < 0 { // a YAML block: its first line is all that a diff may show
			end = len(d.body)
			if i := bytes.IndexByte(d.body[e.start:], '\n'); i >= 0 {
				end = e.start + i
			}
		}
		out = append(append(out, d.body[at:e.start]...), e.text...)
		at = end
	}
	return string(append(out, d.body[at:]...))
}

// Diff is what writing data in the place of the document would change, as
// lines, with the values of environments and headers masked, and of long lines
// (some clients write the whole file on one) only what is about the change:
//
//	@@ line 4
//	-      "command": "npx",
//	+      "command": "/usr/local/bin/signet-wrap",
func (d *Document) Diff(data []byte) (string, error) {
	n, err := Parse(data, d.format, d.pointers)
	if err != nil {
		return "", err
	}
	old, new := strings.Split(d.masked(), "\n"), strings.Split(n.masked(), "\n")
	var b strings.Builder
	for i, j := 0, 0; i < len(old) || j < len(new); {
		if i < len(old) && j < len(new) && old[i] == new[j] {
			i, j = i+1, j+1
			continue
		}
		di, dj := resync(old[i:], new[j:])
		fmt.Fprintf(&b, "@@ line %d\n", i+1)
		for k := range max(di, dj) {
			if di == dj { // line for line
				o, n := shorten(old[i+k], new[j+k])
				fmt.Fprintf(&b, "-%s\n+%s\n", o, n)
				continue
			}
			if k < di {
				fmt.Fprintf(&b, "-%s\n", cut(old[i+k]))
			}
		}
		for k := 0; k < dj && di != dj; k++ {
			fmt.Fprintf(&b, "+%s\n", cut(new[j+k]))
		}
		i, j = i+di, j+dj
	}
	return b.String(), nil
}

// resync is how many lines to leave out of each so that they go on alike. What
// is inserted is short, so it looks no further than 64 lines.
func resync(old, new []string) (int, int) {
	for sum := 1; sum <= 64; sum++ {
		for i := 0; i <= sum; i++ {
			j := sum - i
			if i < len(old) && j < len(new) && old[i] == new[j] || i == len(old) && j == len(new) {
				return i, j
			}
		}
	}
	return len(old), len(new)
}

// widest is the longest line that is shown whole, in bytes; about is how much
// of a longer one is shown on either side of the change.
const (
	widest = 200
	about  = 32
)

// shorten cuts the same from the beginnings and the ends of two long lines.
func shorten(a, b string) (string, string) {
	if len(a) <= widest && len(b) <= widest {
		return a, b
	}
	from, to := 0, 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	for to < min(len(a), len(b))-from && a[len(a)-1-to] == b[len(b)-1-to] {
		to++
	}
	from, to = max(0, from-about), max(0, to-about)
	return part(a, from, to), part(b, from, to)
}

func part(s string, from, to int) string {
	p := strings.ToValidUTF8(s[from:len(s)-to], "")
	if from > 0 {
		p = "…" + p
	}
	if to > 0 {
		p += "…"
	}
	return p
}

func cut(s string) string {
	if len(s) > widest {
		return part(s, 0, len(s)-widest)
	}
	return s
}
