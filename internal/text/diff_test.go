package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a b c", "a b c", ""},
		{"a b c", "a x c", " a|-b|+x| c"},
		{"1 2 3 4 5 6 7 8 9", "1 2 3 4 x 6 7 8 9", "...| 4|-5|+x| 6|..."},
		{"1 2 3 4 5 6 7 8 9", "x 2 3 4 5 6 7 8 y", "-1|+x| 2|...| 8|-9|+y"},
		{"a", "", "-a"},
		{"", "a", "+a"},
		{"a b", "b a", "-a| b|+a"},
		{"1 2 3", "1 x 2 3", " 1|+x| 2|..."},
	} {
		got := strings.Join(Diff(strings.Fields(c.a), strings.Fields(c.b), 1), "|")
		if got != c.want {
			t.Errorf("%q to %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// TestDiffRandom: what a diff keeps and adds is the one text, what it keeps and takes
// away is the other.
func TestDiffRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (lines []string) {
		for range r.IntN(12) {
			lines = append(lines, string(rune('a'+r.IntN(4))))
		}
		return lines
	}
	for range 2000 {
		a, b := random(), random()
		var was, now []string
		for _, line := range Diff(a, b, 100) {
			if line[0] != '+' {
				was = append(was, line[1:])
			}
			if line[0] != '-' {
				now = append(now, line[1:])
			}
		}
		if slices.Equal(a, b) {
			was, now = a, b
		}
		if !slices.Equal(was, a) || !slices.Equal(now, b) {
			t.Fatalf("%q to %q: %q", a, b, Diff(a, b, 100))
		}
	}
}
