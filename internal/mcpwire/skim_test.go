package mcpwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// skimmedBy gives a message to a skim in pieces that end at random places.
func skimmedBy(message []byte, rnd *rand.Rand) []Response {
	s := new(skim)
	for len(message) > 0 {
		n := 1 + rnd.IntN(len(message))
		if rnd.IntN(2) == 0 {
			n = min(n, 1+rnd.IntN(8))
		}
		s.Write(message[:n])
		message = message[n:]
	}
	return s.answers()
}

// sameAnswers compares what skim finds with what a parser does.
func sameAnswers(t testing.TB, message []byte, got []Response) {
	t.Helper()
	want := parseAnswers(message)
	want = want[:min(len(want), maxParts)]
	for i := len(want) - 1; i >= 0; i-- {
		if want[i].Task != "" {
			want = append(want[:i:i], want[i+1:]...) // skim reads answers alone
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d, in %q", len(got), len(want), message)
	}
	for i, w := range want {
		g := got[i]
		wantSum := canon.Hash(w.Value)
		gotSum := g.Sum
		if g.Value != nil {
			gotSum = canon.Hash(g.Value)
		}
		if g.ID != w.ID || g.Failed != w.Failed || g.size != w.size || gotSum != wantSum {
			t.Errorf("answer %d in %q\n got %+v (%s)\nwant %+v (%s)", i, message, g, gotSum, w, wantSum)
		}
		gs, ws := g.Says(), w.Says()
		if nested := ws.Nested; nested != nil && !ws.NestedFailed {
			ws.NestedIsError = Response{Value: nested}.Says().IsError
		} else {
			gs.NestedIsError = false
		}
		ws.Nested, ws.NestedFailed = nil, false
		if fmt.Sprint(gs) != fmt.Sprint(ws) {
			t.Errorf("answer %d in %q\n says %+v\nwant  %+v", i, message, gs, ws)
		}
	}
}

// randomMessage is a JSON-RPC message, or nearly one, with members that matter
// at every depth, spelled in every way.
type randomMessage struct{ *rand.Rand }

func (r randomMessage) pick(texts ...string) string { return texts[r.IntN(len(texts))] }

func (r randomMessage) space() string { return r.pick("", "", "", " ", "\n", " \t\r\n ") }

func (r randomMessage) name() string {
	s := r.pick("id", "result", "error", "method", "isError", "resultType", "requestState", "taskId", "task", "status",
		"code", "message", "content", "text", "params", "x", "", strings.Repeat("long", 30), "requestState"+strings.Repeat("é", 4))
	if r.IntN(8) == 0 {
		var out strings.Builder
		for _, c := range s {
			fmt.Fprintf(&out, `\u%04x`, c)
		}
		return `"` + out.String() + `"`
	}
	return `"` + s + `"`
}

func (r randomMessage) value(depth int) string {
	switch n := r.IntN(12); {
	case depth > 0 && n < 4:
		return r.object(depth - 1)
	case depth > 0 && n < 5:
		var elements []string
		for range r.IntN(4) {
			elements = append(elements, r.space()+r.value(depth-1)+r.space())
		}
		return "[" + r.space() + strings.Join(elements, ",") + "]"
	case n < 8:
		return r.pick(`""`, `"input_required"`, `"task"`, `"completed"`, `"t1"`, `"a\"b\\"`, `"\\\\"`, `"{[,:"`, `"\u0069nput_required"`, `"é\n"`, `"\ud83d"`)
	default:
		return r.pick("1", "0", "-1.50e0", "true", "false", "null", "12345678901234567890", "1e2")
	}
}

func (r randomMessage) object(depth int) string {
	var members []string
	for range r.IntN(6) {
		members = append(members, r.space()+r.name()+r.space()+":"+r.space()+r.value(depth)+r.space())
	}
	return "{" + r.space() + strings.Join(members, ",") + "}"
}

func (r randomMessage) answer() string {
	members := []string{`"jsonrpc":"2.0"`, `"id":` + r.space() + r.value(0), `"result":` + r.space() + r.object(3)}
	if r.IntN(4) == 0 {
		members = append(members, `"error":`+r.object(1))
	}
	if r.IntN(4) == 0 {
		members = append(members, r.name()+":"+r.value(1))
	}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, r.space()+","+r.space()) + r.space() + "}"
}

func (r randomMessage) message() string {
	var elements []string
	switch r.IntN(4) {
	case 0:
		return r.space() + r.value(4) + r.space()
	case 1:
		for range r.IntN(4) {
			elements = append(elements, r.pick(r.answer(), r.value(4)))
		}
		return r.space() + "[" + strings.Join(elements, r.space()+","+r.space()) + "]" + r.space()
	}
	return r.space() + r.answer() + r.pick("\n", "\r\n", "", " ")
}

func TestSkimReadsAsAParserDoes(t *testing.T) {
	r := randomMessage{rand.New(rand.NewPCG(1, 2))}
	found := 0
	for range 30_000 {
		message := []byte(r.message())
		got := skimmedBy(message, r.Rand)
		found += len(got)
		sameAnswers(t, message, got)
		if t.Failed() {
			return
		}
	}
	if found < 10_000 {
		t.Errorf("only %d answers in all", found)
	}
}

// TestSkimKeepsAndHashes: a result is kept up to maxKept, and of a longer one
// the hash is that of its bytes as sent.
func TestSkimKeepsAndHashes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{MaxKept - 1, MaxKept, MaxKept + 1, 3*MaxKept + 7} {
		const head, foot = `{"s": "\n`, `" }`
		result := head + strings.Repeat("x", size-len(head)-len(foot)) + foot
		message := []byte(`{"id":1,"result": ` + result + " \n}")
		got := skimmedBy(message, r)
		if len(got) != 1 || got[0].size != size || (got[0].Value != nil) != (size <= MaxKept) {
			t.Fatalf("a result of %d bytes: %d answers, %+v", size, len(got), got[0].Said)
		}
		sameAnswers(t, message, got)
	}
}

// TestSkimHoldsLittle: whatever a message says, and be it that all of it is one
// id, state or white space, little of it is kept.
func TestSkimHoldsLittle(t *testing.T) {
	const size = 16 << 20
	for _, c := range []struct{ name, before, fill, after string }{
		{"id", `{"id":"`, "x", `","result":1}`},
		{"number", `{"id":`, "1", `,"result":1}`},
		{"state", `{"id":1,"result":{"resultType":"input_required","requestState":"`, "x", `"}}`},
		{"isError", `{"id":1,"result":{"isError":`, "1", `}}`},
		{"spaces", `{"id":1,"result":1`, " ", `}`},
		{"name", `{"id":1,"`, "x", `":1}`},
		{"batch", `[{}`, `,{"id":1,"result":1}`, `]`},
		{"result", `{"id":1,"result":"`, "x", `"}`},
		{"message", `{"id":1,"error":{"message":"`, "x", `"}}`},
	} {
		s := new(skim)
		s.Write([]byte(c.before))
		for n := 0; n < size; n += 1 << 10 * len(c.fill) {
			s.Write(bytes.Repeat([]byte(c.fill), 1<<10))
		}
		s.Write([]byte(c.after))
		m := &s.message
		held := len(s.word) + len(m.content.kept)
		for _, b := range [][]byte{m.id, m.isError, m.resultType, m.requestState, m.taskID, m.status, m.nestedIsError, m.nestedTaskID, m.code, m.message} {
			held += cap(b)
		}
		for _, a := range s.answers() {
			held += len(a.Value) + len(a.ID) + len(a.Said.State) + len(a.Said.Message)
		}
		if held > MaxKept+200_000 || len(s.found) > maxParts {
			t.Errorf("%s: holds %d bytes and %d answers", c.name, held, len(s.found))
		}
	}
}

// TestSkimNotJSON: what is plainly not one message gives no answer.
func TestSkimNotJSON(t *testing.T) {
	const a = `{"id":1,"result":1}`
	for _, message := range []string{"", " ", "null", `"` + a, a + a, a + ",", a + "]", "[" + a, "x" + a, a + "x", "," + a, "{" + a, a + `"`, "\ufeff" + a, a + "[]", "}" + a, `}{"a":{"b":{"c":{"d":` + a} {
		s := new(skim)
		s.Write([]byte(message))
		if got := s.answers(); len(got) > 0 {
			t.Errorf("%q gives %+v", message, got)
		}
	}
}

// FuzzSkim: of a message that is JSON, skim finds what a parser does; of
// anything else, whatever it likes.
func FuzzSkim(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"isError":true,"resultType":"task","taskId":"t"}}`), uint64(1))
	f.Add([]byte(`[{"id":"1","error":{"code":-1,"message":"m"}} , {"result":[{"x":1}],"id":2.0}]`), uint64(2))
	f.Add([]byte(`{"id":1,"result":{"result":{"isError":true},"status":"completed"}}`), uint64(3))
	r := randomMessage{rand.New(rand.NewPCG(5, 6))}
	for i := range 50 {
		f.Add([]byte(r.message()), uint64(i))
	}
	f.Fuzz(func(t *testing.T, message []byte, cuts uint64) {
		got := skimmedBy(message, rand.New(rand.NewPCG(cuts, 0)))
		if jsontext.Value(message).IsValid(lenient...) {
			sameAnswers(t, message, got)
		}
	})
}
