package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// text is a log as a test edits it: the lines of each day file, newlines and
// all.
type logText struct {
	t     *testing.T
	dir   string            // to verify in
	there map[string]string // the files in dir
	names []string
	files [][]string
}

// goodLog is a whole log of three days with four records each.
func goodLog(t *testing.T) *logText {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	c := &clock{day0}
	l := newLog(t, dir, c)
	for i := range 12 {
		add(t, l, fmt.Sprint(i))
		if c.Time = c.Add(time.Minute); i%4 == 3 {
			c.Time = c.AddDate(0, 0, 1)
		}
	}
	g := &logText{t: t, dir: t.TempDir(), there: map[string]string{}}
	for _, name := range mustBeWhole(t, dir, 12).Files {
		g.names = append(g.names, name)
		g.files = append(g.files, slices.Collect(strings.Lines(string(read(t, dir, name)))))
	}
	return g
}

// lines are all lines, and at says which file and line the i-th is in.
func (g *logText) lines() []string { return slices.Concat(g.files...) }

func (g *logText) at(i int) string {
	for f, lines := range g.files {
		if i < len(lines) {
			return fmt.Sprintf("%s:%d", g.names[f], i+1)
		}
		i -= len(lines)
	}
	return "the end"
}

// edited is the log with a change made to the lines of one or more files.
func (g *logText) edited(change func(files [][]string)) *logText {
	e := &logText{t: g.t, dir: g.dir, there: g.there, names: g.names}
	for _, lines := range g.files {
		e.files = append(e.files, slices.Clone(lines))
	}
	change(e.files)
	return e
}

// replaced is the log with other lines in place of n from the i-th of all on.
func (g *logText) replaced(i, n int, with ...string) *logText {
	return g.edited(func(files [][]string) {
		for f := range files {
			if i < len(files[f]) || i == len(files[f]) && f == len(files)-1 {
				files[f] = slices.Concat(files[f][:i], with, files[f][min(i+n, len(files[f])):])
				return
			}
			i -= len(files[f])
		}
	})
}

func (g *logText) verify(o VerifyOptions[struct{}]) *Report {
	g.t.Helper()
	for i, name := range g.names {
		if text := strings.Join(g.files[i], ""); text == "" || text != g.there[name] {
			write(g.t, []byte(text), g.dir, name)
			g.there[name] = text
		}
	}
	r, err := verifyDir(context.Background(), g.dir, o)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// breaks is what verification says of the log, "file:line kind" for each break.
func (g *logText) breaks() string {
	g.t.Helper()
	var all []string
	r := g.verify(VerifyOptions[struct{}]{})
	for _, b := range r.Breaks {
		all = append(all, fmt.Sprintf("%s:%d %s", b.File, b.Line, b.Kind))
	}
	if int(r.Damaged) != len(all) {
		g.t.Errorf("%d places damaged, %d listed", r.Damaged, len(all))
	}
	if r.Torn != nil {
		all = append(all, fmt.Sprintf("%s:%d torn", r.Torn.File, r.Torn.Line))
	}
	return strings.Join(all, ", ")
}

func (g *logText) want(what, want string) {
	g.t.Helper()
	if got := g.breaks(); got != want {
		g.t.Errorf("%s: found %q, want %q", what, got, want)
	}
}

func TestRemoved(t *testing.T) {
	g := goodLog(t)
	for i := range 11 {
		for n := 1; n <= 2 && i+n < 12; n++ {
			e := g.replaced(i, n)
			if n == 2 && i%4 == 3 {
				e = g.replaced(i, 1).replaced(i, 1)
			}
			e.want(fmt.Sprintf("%d lines from %d removed", n, i), e.at(i)+" removed")
		}
	}
	// What no chain can show.
	g.replaced(11, 1).want("the last line removed", "")

	for f := range 2 {
		e := g.edited(func(files [][]string) { files[f] = nil })
		e.want(fmt.Sprintf("file %d emptied", f), g.names[f+1]+":1 removed")
	}
}

func TestDuplicated(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	for i := range lines {
		for to := range len(lines) + 1 {
			if to == i {
				continue // the copy and the original are one
			}
			e := g.replaced(to, 0, lines[i])
			e.want(fmt.Sprintf("line %d copied to before %d", i, to), e.at(to)+" duplicated")
		}
	}
	e := g.replaced(6, 0, lines[1:4]...)
	e.want("three lines copied", e.at(6)+" duplicated")
}

func TestSwapped(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	for i := range lines {
		for j := i + 1; j < len(lines); j++ {
			e := g.replaced(i, 1, lines[j]).replaced(j, 1, lines[i])
			e.want(fmt.Sprintf("lines %d and %d swapped", i, j), e.at(i)+" swapped")
			b := e.verify(VerifyOptions[struct{}]{}).Breaks[0]
			if j > i+1 && !strings.Contains(b.Detail, "is at "+e.at(j)) {
				t.Errorf("lines %d and %d swapped: %q does not name the second", i, j, b.Detail)
			}
		}
	}
}

func TestMoved(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	for i := range lines {
		for to := range lines {
			if to >= i-1 && to <= i+1 {
				continue // not moved, or swapped
			}
			got := g.replaced(i, 1).replaced(to, 0, lines[i]).breaks()
			if strings.Count(got, "swapped") != 1 || strings.Contains(got, ",") {
				t.Errorf("line %d moved to %d: %q", i, to, got)
			}
		}
	}
}

func TestInserted(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	other := func(prev Hash) string {
		line, _ := appendRecord(nil, receipt("other", day0), prev)
		return string(line)
	}
	for i := range lines {
		e := g.replaced(i, 0, other(Hash{1, 2, 3}))
		e.want(fmt.Sprintf("a strange record before %d", i), e.at(i)+" inserted")

		var prev Hash
		if i > 0 {
			r, err := parseRecord([]byte(strings.TrimSpace(lines[i-1])))
			if err != nil {
				t.Fatal(err)
			}
			prev = r.hash
		}
		// It follows the line before; the next one shows that it is too much.
		e = g.replaced(i, 0, other(prev))
		e.want(fmt.Sprintf("a record that fits before %d", i), e.at(i+1)+" inserted")

		e = g.replaced(i, 0, "junk\n")
		e.want(fmt.Sprintf("junk before %d", i), e.at(i)+" malformed")
	}
	e := g.replaced(4, 0, other(genesis), "\n", other(Hash{7}))
	e.want("two strange records and a blank line", e.at(4)+" inserted, "+e.at(6)+" removed")
}

// every is the step of a sweep over bytes: 1, and n with -short. Neighbours take the
// same path through the code.
func every(n int) int {
	if testing.Short() {
		return n
	}
	return 1
}

// Every changed byte shows, at its line.
func TestEdited(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	kinds := map[string]int{}
	for _, i := range []int{0, 5, 11} {
		for at := 0; at < len(lines[i]); at += every(10) {
			for _, flip := range []byte{1, 0x80} {
				b := []byte(lines[i])
				b[at] ^= flip
				got := g.replaced(i, 1, string(b)).breaks()
				switch kind, one := strings.CutPrefix(got, g.at(i)+" "); {
				case i == 11 && got == g.at(i)+" torn" && at == len(b)-1:
				case b[at] == '\n' || at == len(b)-1:
					// Two lines out of one, or one out of two.
					if !one {
						t.Errorf("line %d, byte %d ^ %#x: %q", i, at, flip, got)
					}
				case !one || strings.Contains(kind, ","):
					t.Errorf("line %d, byte %d ^ %#x: %q", i, at, flip, got)
				default:
					kinds[kind]++
				}
			}
		}
	}
	if kinds["edited"] < 500/every(10) || kinds["malformed"] < 500/every(10) || len(kinds) > 3 {
		t.Errorf("kinds: %v", kinds)
	}
}

// A file that ends too early shows unless it ends with a line, and is the last.
func TestCut(t *testing.T) {
	g := goodLog(t)
	for f := range g.files {
		whole := strings.Join(g.files[f], "")
		for size := 0; size < len(whole); size += every(10) {
			left := whole[:size]
			e := g.edited(func(files [][]string) { files[f] = slices.Collect(strings.Lines(left)) })
			lines, last := len(e.files[f]), f == len(g.files)-1
			_, err := parseRecord([]byte(left[strings.LastIndexByte(left, '\n')+1:]))
			inside := left != "" && !strings.HasSuffix(left, "\n") && err != nil
			want := ""
			switch {
			case inside && last:
				want = fmt.Sprintf("%s:%d torn", g.names[f], lines)
			case inside:
				want = fmt.Sprintf("%s:%d truncated", g.names[f], lines)
			case !last && size < len(whole)-1:
				want = g.names[f+1] + ":1 removed"
			}
			e.want(fmt.Sprintf("file %d cut at %d", f, size), want)
		}
	}
}

// What naive writers leave after a crash: the next record glued to half a line.
func TestGlued(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	for size := 20; size < len(lines[5])-1; size += 7 {
		// The writer took the torn line for its predecessor or not; the
		// record is lost in either case.
		g.replaced(5, 2, lines[5][:size]+lines[6]).want("glued", g.at(5)+" truncated")
	}
	g.replaced(5, 2, strings.TrimSpace(lines[5])+lines[6]).want("two lines made one", g.at(5)+" malformed")
}

// An attacker who computes the hashes again has no key.
func TestForged(t *testing.T) {
	g := goodLog(t)
	check := func(receipt []byte, _ Hash) (c Checked[struct{}]) {
		if bytes.Contains(receipt, []byte("forged")) {
			c.Bad = errors.New("the signature does not fit")
		}
		return c
	}
	lines := g.lines()
	for i := range lines {
		for _, all := range []bool{false, true} {
			var prev Hash
			e := g
			for k, line := range lines {
				r, err := parseRecord([]byte(strings.TrimSpace(line)))
				if err != nil {
					t.Fatal(err)
				}
				if k == i {
					r.receipt = bytes.Replace(r.receipt, []byte("echo"), []byte("forged"), 1)
				}
				if k < i || k > i && !all {
					prev = r.hash
					continue
				}
				var made []byte
				made, prev = appendRecord(nil, r.receipt, prev)
				e = e.replaced(k, 1, string(made))
			}
			r := e.verify(VerifyOptions[struct{}]{Check: check})
			if len(r.Breaks) != 1 || r.Breaks[0].Kind != Forged || e.at(i) != fmt.Sprintf("%s:%d", r.Breaks[0].File, r.Breaks[0].Line) {
				t.Errorf("line %d, rest of the hashes computed again %v: %+v", i, all, r.Breaks)
			}
		}
	}
}

// A record made up to fit its place has no good signature either: one break, its
// own, for what was done once.
func TestForgedAndInserted(t *testing.T) {
	g := goodLog(t)
	lines := g.lines()
	for i := 1; i < len(lines); i++ {
		r, err := parseRecord([]byte(strings.TrimSpace(lines[i-1])))
		if err != nil {
			t.Fatal(err)
		}
		line, _ := appendRecord(nil, receipt("forged", day0), r.hash)
		e := g.replaced(i, 0, string(line))
		found := e.verify(VerifyOptions[struct{}]{Check: func(receipt []byte, _ Hash) (c Checked[struct{}]) {
			if bytes.Contains(receipt, []byte("forged")) {
				c.Bad = errors.New("the signature does not fit")
			}
			return c
		}})
		if len(found.Breaks) != 1 || found.Breaks[0].Kind != Forged || found.Forged != 1 {
			t.Errorf("before line %d: %+v", i, found.Breaks)
		}
	}
}

// Two spellings of a line must not share one hash.
func TestRefusedAsDamage(t *testing.T) {
	for _, tt := range []struct{ receipt, reason string }{
		{`{"a":1,"a":1}`, "twice"},
		{`{"a":9007199254740993}`, "number"},
		{`{"a":1e400}`, "number"},
		{`{"a":"\ud800"}`, "surrogate"},
		{"{\"a\":\"\xff\"}", "UTF-8"},
		{strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested"},
	} {
		line, _ := appendRecord(nil, []byte(tt.receipt), genesis)
		g := &logText{t, t.TempDir(), map[string]string{}, []string{"2026-06-01.jsonl"}, [][]string{{string(line)}}}
		r := g.verify(VerifyOptions[struct{}]{})
		if len(r.Breaks) != 1 || r.Breaks[0].Kind != Malformed || !strings.Contains(r.Breaks[0].Detail, tt.reason) {
			t.Errorf("%.40s: %+v", tt.receipt, r.Breaks)
		}
	}
}

// A record's other members are nobody's word, and are counted.
func TestUnprotected(t *testing.T) {
	g := goodLog(t)
	line := strings.TrimSpace(g.lines()[2])
	for _, with := range []string{
		strings.TrimSuffix(line, "}") + `,"meta":{"x":1}}`,
		`{"meta":[],` + line[1:],
		strings.Replace(line, `,"prev_hash"`, `,"meta":null,"prev_hash"`, 1),
	} {
		r := g.replaced(2, 1, with+"\n").verify(VerifyOptions[struct{}]{})
		if r.Damaged != 0 || r.Unprotected != 1 || r.Records != 12 {
			t.Errorf("%s: %+v", with, r)
		}
	}
	// Spelled in another way, it is the same record.
	r := g.replaced(2, 1, " "+strings.Replace(line, `"v":1`, `"\u0076" : 1.0`, 1)+"\r\n").verify(VerifyOptions[struct{}]{})
	if r.Damaged != 0 || r.Unprotected != 0 || r.Records != 12 {
		t.Errorf("another spelling: %+v", r)
	}
}

// However much is broken, the report is bounded and the count is right.
func TestManyBreaks(t *testing.T) {
	g := goodLog(t)
	line := g.lines()[3]
	edited := strings.Replace(line, "echo", "ohce", 1)
	e := g.edited(func(files [][]string) { files[0] = slices.Repeat([]string{edited}, 1000) })
	r := e.verify(VerifyOptions[struct{}]{})
	if r.Damaged < 1000 || len(r.Breaks) != maxBreaks {
		t.Errorf("%d damaged, %d listed", r.Damaged, len(r.Breaks))
	}
}

// Blank lines are counted, and take no memory: a log can be full of them.
func TestManyBlankLines(t *testing.T) {
	dir := makeLog(t, 2)
	first, second, _ := strings.Cut(string(dayFiles(t, dir)), "\n")
	const blanks = 4 << 20
	write(t, []byte(first+"\n"+strings.Repeat("\n", blanks)+second+"no record\n"), dir, dayFile(day0.Add(-time.Second)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := verify(t, dir)
	runtime.ReadMemStats(&after)
	if len(r.Breaks) != 1 || r.Breaks[0].Line != blanks+3 || r.Records != 2 {
		t.Errorf("%+v", r)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*blanks {
		t.Errorf("%d bytes were allocated", n)
	}
}

// The hashes that a break names are those of its record, also once the log has
// been read to its end.
func TestBreakHashes(t *testing.T) {
	dir := makeLog(t, 3)
	day := dayFile(day0)
	before := verify(t, dir).Head
	text := string(read(t, dir, day))
	i := strings.LastIndex(text, `"rec_2"`)
	write(t, []byte(text[:i]+`"rec_x"`+text[i+7:]), dir, day)
	r := verify(t, dir)
	if len(r.Breaks) != 1 || r.Breaks[0].Kind != Edited {
		t.Fatalf("%+v", r.Breaks)
	}
	b := r.Breaks[0]
	if b.Found == nil || *b.Found != before || b.Expected == nil || *b.Expected == *b.Found || b.Expected.IsZero() {
		t.Errorf("expected %v, found %v; the record has %v", b.Expected, b.Found, before)
	}
}
