package mcpwire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// TestAnswersInPieces cuts the server's output at every place, in lines and in
// frames.
func TestAnswersInPieces(t *testing.T) {
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	big := `{"id":3,"result":"` + strings.Repeat("x", MaxSmall) + `"}`
	var want []string
	read := func(output string, cuts ...int) (got []string) {
		a := ResponseReader{Wanted: func() bool { return true }, Found: func(f Response) { got = append(got, f.ID+" "+canon.Hash(f.Value)) }}
		from := 0
		for _, to := range append(cuts, len(output)) {
			a.Feed([]byte(output[from:to]))
			from = to
		}
		return got
	}
	small := []string{`{"id":1,"result":1}`, `{"method":"m"}`, `[{"id":2,"result":[{}]}]`}
	want = read(strings.Join(small, "\n") + "\n")
	if len(want) != 2 {
		t.Fatalf("found %q", want)
	}
	for name, output := range map[string]string{
		"lines":  strings.Join(small, "\r\n") + "\n",
		"frames": frame(small[0]) + frame(small[1]) + frame(small[2]),
		"both":   frame(small[0]) + small[1] + "\n" + frame("") + frame(small[2]),
		"other":  "content-type: x\r\n" + frame(small[0]) + "clutter\n\n" + small[1] + "\n" + small[2] + "\n",
	} {
		for i := range output {
			for j := i; j < len(output); j += 7 {
				if got := read(output, i, j); !slices.Equal(got, want) {
					t.Fatalf("%s cut at %d and %d: found %q, want %q", name, i, j, got, want)
				}
			}
		}
	}
	want = append(want, read(big+"\n")...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		output := frame(small[0]) + small[2] + "\n" + frame(big)
		cuts := make([]int, 5)
		for i := range cuts {
			cuts[i] = r.IntN(len(output))
		}
		slices.Sort(cuts)
		if got := read(output, cuts...); !slices.Equal(got, want) {
			t.Fatalf("cut at %d: found %q, want %q", cuts, got, want)
		}
	}
}

// TestAnswersNobodyWaitsFor are not read: what is not expected costs nothing.
func TestAnswersNobodyWaitsFor(t *testing.T) {
	wanted := false
	a := ResponseReader{Wanted: func() bool { return wanted }, Found: func(f Response) { t.Errorf("found %q", f.ID) }}
	a.Feed([]byte("clutter "))
	wanted = true // too late for what has begun
	a.Feed([]byte(`{"id":1,"result":1}` + "\n"))
	if len(a.small) > 0 || a.large != nil {
		t.Error("it was kept")
	}
}
