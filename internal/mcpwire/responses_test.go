package mcpwire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// readerInto is a ResponseReader for which everything is wanted, and what it found.
func readerInto(found *[]Response) *ResponseReader {
	yes := func() bool { return true }
	return &ResponseReader{Wanted: yes, Listed: yes, Framed: yes, Found: func(r Response) { *found = append(*found, r) }}
}

// responsesIn is what a reader finds in output that comes in one piece or, if cut
// is not nil, in pieces of random length.
func responsesIn(output []byte, cut *rand.Rand) (found []Response) {
	r := readerInto(&found)
	for len(output) > 0 {
		n := len(output)
		if cut != nil {
			n = 1 + cut.IntN(n)
			if cut.IntN(2) == 0 {
				n = min(n, 1+cut.IntN(8))
			}
		}
		r.Feed(output[:n:n])
		output = output[n:]
	}
	r.End()
	return found
}

// describe is all that is to be known of responses.
func describe(all []Response) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "id %q %q unreadable %v doubt %q task %q failed %v sum %s size %d said %+v\n", r.ID, r.Loose, r.Unreadable, r.Doubt, r.Task, r.Failed, sumOf(r), r.size, r.Said)
		if r.Inner != nil {
			b.WriteString("  inner " + describe([]Response{*r.Inner}))
		}
		if r.Listing != nil {
			fmt.Fprintf(&b, "  listing %+v %d %s\n", r.Listing.Tools, r.Listing.Left, r.Listing.LeftSum)
		}
	}
	return b.String()
}

// sumOf is the hash of the bytes of r.
func sumOf(r Response) event.Hash {
	if r.Value != nil {
		return event.HashOf(r.Value)
	}
	return r.Sum
}

// parsed is the responses in a message that is JSON, read by a parser that has all
// of it. Doubts are not looked for.
func parsed(t testing.TB, message []byte) (found []Response) {
	t.Helper()
	root := parsedValue(t, message)
	elements := root.Elements
	if root.Kind == '{' {
		elements = []Value{root}
	}
	for _, m := range elements {
		if m.Kind != '{' {
			continue
		}
		text := func(name string) string { return m.MemberText(message, name) }
		id, _ := m.Member("id")
		result, isResult := m.Member("result")
		failure, isError := m.Member("error")
		params, _ := m.Member("params")
		exact, loose := idKey(id.Raw(message))
		if method, ok := m.Member("method"); ok && method.Kind == '"' {
			if s := text("method"); s == "notifications/tasks" || s == "notifications/tasks/status" {
				r := parsedPart(t, params.Raw(message), true)
				if v := parsedObject(t, params.Raw(message)); v.MemberText(params.Raw(message), "taskId") != "" {
					r.Task = TaskKey(v.MemberText(params.Raw(message), "taskId"))
					found = append(found, r)
					continue
				}
			}
			continue
		}
		if exact == "" || !isResult && !isError {
			continue
		}
		r := Response{}
		if isError && !(isResult && failure.Kind == 'n' && result.Kind != 'n') {
			r = parsedPart(t, failure.Raw(message), false)
			r.Failed = true
		} else {
			r = parsedPart(t, result.Raw(message), true)
		}
		r.ID, r.Loose = exact, loose
		found = append(found, r)
	}
	return found
}

func parsedValue(t testing.TB, raw []byte) Value {
	v, err := Parse(raw, 0)
	if err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	return v
}

// parsedObject is no value at all if raw is no object.
func parsedObject(t testing.TB, raw []byte) Value {
	if len(raw) == 0 || raw[0] != '{' {
		return Value{}
	}
	return parsedValue(t, raw)
}

func parsedPart(t testing.TB, raw []byte, inside bool) Response {
	r := Response{Value: raw, size: len(raw)}
	v := parsedObject(t, raw)
	rawOf := func(name string) []byte { m, _ := v.Member(name); return m.Raw(raw) }
	r.Said = Said{IsError: string(rawOf("isError")) == "true", Status: v.MemberText(raw, "status"),
		Code: string(rawOf("code")), Message: v.MemberText(raw, "message")}
	if task := rawOf("task"); len(task) > 0 {
		r.Said.Handle = parsedObject(t, task).MemberText(task, "taskId")
	}
	switch v.MemberText(raw, "resultType") {
	case "input_required":
		r.Said.Input, r.Said.State = true, StateKey(rawOf("requestState"))
	case "task":
		if r.Said.Handle == "" {
			r.Said.Handle = v.MemberText(raw, "taskId")
		}
	}
	r.Said.Handle = TaskKey(r.Said.Handle)
	if inside {
		for _, name := range []string{"result", "error"} {
			for _, m := range v.members { // the last object of this name
				if in := m.value.Raw(raw); m.name == name && m.value.Kind == '{' {
					x := parsedPart(t, in, false)
					x.Failed = name == "error"
					r.Inner = &x
				}
			}
		}
	}
	return r
}

// sameAsParsed compares what the reader found with what a parser finds.
func sameAsParsed(t testing.TB, message []byte, got []Response) {
	t.Helper()
	readable := func(all []Response) []Response {
		all = slices.DeleteFunc(slices.Clone(all), func(r Response) bool { return r.Unreadable })
		for i := range all {
			all[i].Doubt, all[i].Listing = "", nil
		}
		return all[:min(len(all), maxParts)]
	}
	plain, want := readable(got), readable(parsed(t, message))
	if g, w := describe(plain), describe(want); g != w {
		t.Fatalf("in %q\n got %s\nwant %s", message, g, w)
	}
}

// randomMessage is a JSON-RPC message, or nearly one, with members that matter
// at every depth, spelled in every way.
type randomMessage struct{ *rand.Rand }

func (r randomMessage) pick(texts ...string) string { return texts[r.IntN(len(texts))] }

func (r randomMessage) space() string { return r.pick("", "", "", " ", "\t", " \t\t ") }

func (r randomMessage) name() string {
	s := r.pick("id", "result", "error", "method", "isError", "resultType", "requestState", "taskId", "task", "status", "tools", "name",
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
		return r.pick(`""`, `"input_required"`, `"task"`, `"completed"`, `"t1"`, `"a\"b\\"`, `"\\\\"`, `"{[,:"`, `"\u0069nput_required"`, `"é\n"`, `"\ud83d"`,
			`"notifications/tasks"`, `"notifications\/tasks/status"`)
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

func (r randomMessage) response() string {
	members := []string{`"jsonrpc":"2.0"`, `"id":` + r.space() + r.value(0), `"result":` + r.space() + r.object(3)}
	if r.IntN(4) == 0 {
		members = append(members, `"error":`+r.object(1))
	}
	if r.IntN(4) == 0 {
		members = append(members, r.name()+":"+r.value(1))
	}
	if r.IntN(8) == 0 {
		members = []string{`"method":` + r.pick(`"notifications/tasks"`, `"notifications/tasks/status"`), `"params":` + r.object(3)}
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
			elements = append(elements, r.pick(r.response(), r.value(4)))
		}
		return r.space() + "[" + strings.Join(elements, r.space()+","+r.space()) + "]" + r.space()
	}
	return r.space() + r.response() + r.pick("\r", "", " ")
}

// TestResponsesAsAParserDoes: what is found as messages stream is what a parser
// finds that has all of them.
func TestResponsesAsAParserDoes(t *testing.T) {
	r := randomMessage{rand.New(rand.NewPCG(1, 2))}
	found := 0
	for range 30_000 {
		message := []byte(r.message())
		got := responsesIn(append(message, '\n'), r.Rand)
		found += len(got)
		sameAsParsed(t, message, got)
	}
	if found < 10_000 {
		t.Errorf("only %d responses in all", found)
	}
}

// FuzzResponses: however output is cut into pieces, the same is found. In one line
// of JSON it is what a parser finds, and of what is no JSON nothing is believed.
func FuzzResponses(f *testing.F) {
	for i, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"isError":true,"resultType":"task","taskId":"t"}}`,
		`[{"id":"1","error":{"code":-1,"message":"m"}} , {"result":[{"x":1}],"id":2.0}]`,
		`{"id":1,"result":{"result":{"isError":true},"status":"completed"}}`,
		`{"id":1,"result":{"tools":[{"name":"a"},{"n":1}]}}`,
		`{"\u0069d":1,"result":NaN}`, `{"id":1,"result":{]}`, "{\"id\":1,\r\"result\":1}", `{"id":1,"result":1}{"id":2,"result":2}`,
		"Content-Length: 19\r\n\r\n" + `{"id":1,"result":1}`, "\xef\xbb\xbf{\"id\":1,\"result\":1}", `{"id":1,"result":-01.e5,"x":tru}`,
	} {
		f.Add([]byte(s), uint64(i))
	}
	r := randomMessage{rand.New(rand.NewPCG(5, 6))}
	for i := range 50 {
		f.Add([]byte(r.message()), uint64(i))
	}
	f.Fuzz(func(t *testing.T, output []byte, cuts uint64) {
		whole, cut := responsesIn(output, nil), responsesIn(output, rand.New(rand.NewPCG(cuts, 0)))
		if w, c := describe(whole), describe(cut); w != c {
			t.Fatalf("%q in one piece\n%s\nin several\n%s", output, w, c)
		}
		if len(output) == 0 || len(output) > maxFieldBytes || output[0]|0x20 == 'c' || bytes.ContainsAny(output, "\n") {
			return
		}
		if jsontext.Value(output).IsValid(lenient...) {
			sameAsParsed(t, output, whole)
			return
		}
		for _, r := range whole {
			if !r.Unreadable && !bytes.HasPrefix(output, byteOrderMark) {
				t.Errorf("%q is not JSON, and gives %+v", output, r)
			}
		}
	})
}
