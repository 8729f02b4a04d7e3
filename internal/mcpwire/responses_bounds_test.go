package mcpwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestResponsesInPieces cuts the server's output at every place, in lines and in
// frames.
func TestResponsesInPieces(t *testing.T) {
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	read := func(output string, cuts ...int) string {
		var found []Response
		r := readerInto(&found)
		from := 0
		for _, to := range append(cuts, len(output)) {
			r.Feed([]byte(output[from:to]))
			from = to
		}
		return describe(found)
	}
	small := []string{`{"id":1,"result":1}`, `{"method":"m"}`, `[{"id":2,"result":[{}]}]`}
	want := read(strings.Join(small, "\n") + "\n")
	if strings.Count(want, "\n") != 2 {
		t.Fatalf("found %s", want)
	}
	for name, output := range map[string]string{
		"lines":  strings.Join(small, "\r\n") + "\n",
		"frames": frame(small[0]) + frame(small[1]) + frame(small[2]),
		"both":   frame(small[0]) + small[1] + "\n" + frame("") + frame(small[2]),
		"other":  "content-type: x\r\n" + frame(small[0]) + "clutter\n\n" + small[1] + "\n" + small[2] + "\n",
	} {
		for i := range output {
			for j := i; j < len(output); j += 7 {
				if got := read(output, i, j); got != want {
					t.Fatalf("%s cut at %d and %d: found %s, want %s", name, i, j, got, want)
				}
			}
		}
	}
	big := `{"id":3,"result":"` + strings.Repeat("x", MaxKept) + `","\u0069d":3}`
	want = read(small[0] + "\n" + small[2] + "\n" + big + "\n")
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		output := frame(small[0]) + small[2] + "\n" + frame(big)
		cuts := make([]int, 5)
		for i := range cuts {
			cuts[i] = r.IntN(len(output))
		}
		slices.Sort(cuts)
		if got := read(output, cuts...); got != want {
			t.Fatalf("cut at %d: found %s, want %s", cuts, got, want)
		}
	}
}

// TestFramesAreForThoseWhoSendThem: a client of lines reads lines, whatever header
// is before them.
func TestFramesAreForThoseWhoSendThem(t *testing.T) {
	const output = "Content-Length: 8\r\n\r\n" + `{"id":1,"result":1}` + "\n"
	for _, framed := range []bool{false, true} {
		var found []Response
		r := readerInto(&found)
		r.Framed = func() bool { return framed }
		r.Feed([]byte(output))
		if read := len(found) == 1 && found[0].ID == "n:1" && !found[0].Unreadable; read == framed {
			t.Errorf("a client that sends frames: %v; found %s", framed, describe(found))
		}
	}
}

// TestResponsesNobodyWaitsFor are not read: what is not expected costs nothing. If
// somebody waits at the end, it is said that it was not read.
func TestResponsesNobodyWaitsFor(t *testing.T) {
	wanted := false
	var found []Response
	r := readerInto(&found)
	r.Wanted = func() bool { return wanted }
	r.Feed([]byte(`{"id":1,"result":1}` + "\n" + `{"id":1,`))
	wanted = true // too late for what has begun
	r.Feed([]byte(`"result":1}` + "\n"))
	if len(found) != 1 || !found[0].Unreadable || found[0].ID != "" || r.message.any {
		t.Errorf("found %s", describe(found))
	}
}

// TestResponsesHoldLittle: whatever a message says, and be it that all of it is one
// id, state or white space, little of it is kept.
func TestResponsesHoldLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector itself takes memory")
	}
	const size = 20 << 20
	for _, c := range []struct{ name, before, fill, after string }{
		{"id", `{"id":"`, "x", `","result":1}`},
		{"number", `{"id":`, "1", `,"result":1}`},
		{"state", `{"id":1,"result":{"resultType":"input_required","requestState":"`, "x", `"}}`},
		{"isError", `{"id":1,"result":{"isError":`, "1", `}}`},
		{"spaces", `{"id":1,"result":1`, " ", `}`},
		{"name", `{"id":1,"`, "x", `":1}`},
		{"batch", `[{}`, `,{"id":1,"result":1}`, `]`},
		{"batch of results", `[{}`, `,{"id":1,"result":"` + strings.Repeat("x", 500_000) + `"}`, `]`},
		{"result", `{"id":1,"result":"`, "x", `"}`},
		{"inside", `{"id":1,"result":{"result":{"x":"`, "x", `"}}}`},
		{"message", `{"id":1,"error":{"message":"`, "x", `"}}`},
		{"notification", `{"method":"notifications/tasks","params":{"taskId":"t","result":{"x":"`, "x", `"}}}`},
		{"nesting", `{"id":1,"result":`, "[", ``},
		{"tools", `{"id":1,"result":{"tools":[{"name":"x"}`, `,{"name":"t"}`, `]}}`},
		{"long names", `{"id":1,"result":{"tools":[{"name":"x"}`, `,{"name":"` + strings.Repeat("x", 100_000) + `"}`, `]}}`},
		{"definition", `{"id":1,"result":{"tools":[{"name":"x","d":"`, "x", `"}]}}`},
		{"junk", `x`, "{", ``},
	} {
		var found []Response
		r := readerInto(&found)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r.Feed([]byte(c.before))
		piece := bytes.Repeat([]byte(c.fill), 1+64<<10/len(c.fill))
		for n := 0; n < size; n += len(piece) {
			r.Feed(piece)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 12<<20 {
			t.Errorf("%s: holds %d bytes", c.name, held)
		}
		r.Feed([]byte(c.after + "\n"))
		if !slices.Contains([]string{"junk", "name"}, c.name) && len(found) == 0 || len(found) > maxParts+1 {
			t.Errorf("%s: %d responses", c.name, len(found))
		}
		runtime.KeepAlive(r)
	}
}

// TestKeptOrHashed: a result is kept up to MaxKept and the room for a cosignature, and
// of one longer than MaxKept the hash is that of its bytes as sent.
func TestKeptOrHashed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{MaxKept - 1, MaxKept, MaxKept + 1, MaxKept + maxCosignature, MaxKept + maxCosignature + 1, 3*MaxKept + 7} {
		const head, foot = `{"s": "\n`, `" }`
		result := head + strings.Repeat("x", size-len(head)-len(foot)) + foot
		got := responsesIn([]byte(`{"id":1,"result": `+result+" \t}\n"), r)
		if len(got) != 1 || got[0].size != size || (got[0].Value != nil) != (size <= MaxKept+maxCosignature) || got[0].Hashed().raw != (size > MaxKept) || sumOf(got[0]) != event.HashOf([]byte(result)) {
			t.Fatalf("a result of %d bytes: %s", size, describe(got))
		}
	}
}

// TestListings: definitions of any size are hashed, in canonical form or by their
// bytes, and what finds no room is counted.
func TestListings(t *testing.T) {
	large := `{"name":"c","pad":"` + strings.Repeat("x", maxDefinition) + `","d":1.0}`
	long := strings.Repeat("n", 100_000)
	list := `{"tools":[{"name":"a","d":1.0}, {"n":"\u0061me","name":"\u0062"},` + large + `,{"name":"d","n":9007199254740993},{"name":"` + long + `"},{"x":1},5]}`
	got := responsesIn([]byte(`{"result":`+list+`,"id":1}`+"\n"), rand.New(rand.NewPCG(1, 1)))
	if len(got) != 1 || got[0].Listing == nil {
		t.Fatalf("found %s", describe(got))
	}
	hash := func(s string) event.Hash { return event.HashOf([]byte(s)) }
	want := []Tool{
		{"a", hash(`{"d":1,"name":"a"}`), false, []byte(`{"d":1,"name":"a"}`)},
		{"b", hash(`{"n":"ame","name":"b"}`), false, []byte(`{"n":"ame","name":"b"}`)},
		{"c", hash(large), true, nil},
		{"d", hash(`{"name":"d","n":9007199254740993}`), true, []byte(`{"name":"d","n":9007199254740993}`)},
		{long[:128] + "... " + hash(long).String(), hash(`{"name":"` + long + `"}`), false, []byte(`{"name":"` + long + `"}`)},
	}
	if l := got[0].Listing; !reflect.DeepEqual(l.Tools, want) || l.Left != 1 || l.LeftSum.IsZero() {
		t.Errorf("got  %+v\nwant %+v", l, want)
	}
}

// TestIDKeys: which ids are the same, and which some client takes for the same.
func TestIDKeys(t *testing.T) {
	for _, c := range []struct{ raw, exact, loose string }{
		{`7`, "n:7", "n:7"}, {`7.0`, "n:7", "n:7"}, {`70e-1`, "n:7", "n:7"}, {`-0`, "n:-0", "n:0"},
		{`"7"`, "s:7", "n:7"}, {`"\u0037"`, "s:7", "n:7"}, {`" 7\n"`, "s: 7\n", "n:7"}, {`"007"`, "s:007", "n:7"}, {`"+7"`, "s:+7", "n:7"}, {`"7.0"`, "s:7.0", "n:7"},
		{`"0x7"`, "s:0x7", "n:7"}, {`"0B111"`, "s:0B111", "n:7"}, {`"7e0"`, "s:7e0", "n:7"}, {`"1_0"`, "s:1_0", "n:10"}, {`"٧"`, "s:٧", "n:7"}, {`""`, "s:", "n:0"}, {`" "`, "s: ", "n:0"},
		{`"x7"`, "s:x7", "s:x7"}, {`"7x"`, "s:7x", "s:7x"}, {`"NaN"`, "s:NaN", "s:NaN"}, {`"Infinity"`, "s:Infinity", "s:Infinity"}, {`"0x1p-2"`, "s:0x1p-2", "s:0x1p-2"},
		{`9007199254740993`, "n:9007199254740993", "n:9007199254740992"}, {`1e400`, "n:1e400", "n:1e400"}, {`2.5`, "n:2.5", "n:2.5"},
		{`null`, "", ""}, {`true`, "", ""}, {`[7]`, "", ""}, {`{}`, "", ""}, {``, "", ""},
	} {
		exact, loose := idKey([]byte(c.raw))
		if exact != c.exact || loose != c.loose {
			t.Errorf("%s: %q and %q, want %q and %q", c.raw, exact, loose, c.exact, c.loose)
		}
		if got := LooseKey(exact); got != loose {
			t.Errorf("%s: of the exact key %q, want %q", c.raw, got, loose)
		}
	}
	if got := WholeKey("n:2.5"); got != "n:2" {
		t.Errorf("2.5 is %q", got)
	}
	long := `"` + strings.Repeat("x", 10_000) + `"`
	if exact, loose := idKey([]byte(long)); len(exact) > maxIDKey || exact != loose || exact == IDKey([]byte(`"y`+long[2:])) {
		t.Errorf("a long id is %q", exact)
	}
}
