package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestResponsesFindTheirCalls: each response is bound to the call that it is for,
// and to no other.
func TestResponsesFindTheirCalls(t *testing.T) {
	const unread = "unanswered, the client ended the session; a message that may be its response could not be read"
	deep := strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)
	const rejected = `{"code":-32602,"message":"no such tool"}`
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"executed",
			[]string{"> " + toolCall("1", "t"), `< {"jsonrpc":"2.0","id":1,"result":{"content":[]}}`},
			[]string{`1 executed {"content":[]}`}},
		{"isError",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":{"isError":true}}`},
			[]string{`1 failed, isError {"isError":true}`}},
		{"isError is false, or no boolean",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), `< {"id":1,"result":{"isError":false}}`, `< {"id":2,"result":{"isError":"true"}}`},
			[]string{`1 executed {"isError":false}`, `2 executed {"isError":"true"}`}},
		{"error",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"error":` + rejected + `}`},
			[]string{`1 failed, JSON-RPC error, -32602: no such tool ` + rejected}},
		{"error without code or message",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), "> " + toolCall("3", "t"),
				`< {"id":1,"error":{"message":"m"}}`, `< {"id":2,"error":{"code":5}}`, `< {"id":3,"error":null}`},
			[]string{`1 failed, JSON-RPC error, m {"message":"m"}`, `2 failed, JSON-RPC error, 5 {"code":5}`, `3 failed, JSON-RPC error null`}},
		{"result and error",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":{},"error":{"code":5}}`},
			[]string{`1 failed, JSON-RPC error; result and error stand together, 5 {"code":5}`}},
		{"result, and error null",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), `< {"id":1,"result":{},"error":null}`, `< {"id":2,"result":null,"error":{"code":5}}`},
			[]string{`1 executed, result and error stand together {}`, `2 failed, JSON-RPC error; result and error stand together, 5 {"code":5}`}},
		{"members spelled with escapes",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), `< {"\u0069d":1,"r\u0065sult":{"is\u0045rror":true}}`, `< {"\u0065rror":{"\u0063ode":5},"i\u0064":2}`},
			[]string{`1 failed, isError {"is\u0045rror":true}`, `2 failed, JSON-RPC error, 5 {"\u0063ode":5}`}},
		{"isError twice",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":{"isError":true,"isError":false}}`},
			[]string{`1 executed, a member stands twice; content_hash is of the 32 bytes as sent ` + rawHash(`{"isError":true,"isError":false}`)}},
		{"nested deeper than parsers go",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":` + deep + `}`},
			[]string{`1 executed, content_hash is of the 400000 bytes as sent ` + rawHash(deep)}},
		{"method is no string",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"method":null,"result":{}}`},
			[]string{`1 executed, method is no string {}`}},
		{"no line end",
			[]string{"> " + toolCall("1", "t"), `<| {"id":1,"result":{}}`},
			[]string{`1 executed, no line end follows {}`}},
		{"a carriage return for a line end",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), "< {\"id\":1,\r\"result\":{}}\r", "< {\"id\":2,\"result\":{}}\r"},
			[]string{`1 executed, a carriage return stands inside {}`, `2 executed {}`}},

		{"result before id, and spelled otherwise",
			[]string{"> " + toolCall("1", "t"), `< {"result" : {"b":1.0, "a":"\u0061"} , "\u0069d":1, "id" : 1}`},
			[]string{`1 executed, a member stands twice {"b":1.0, "a":"\u0061"}`}},
		{"results that are no objects",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), `< {"id":1,"result":null}`, `< {"id":2,"result":"x"}`},
			[]string{`1 executed null`, `2 executed "x"`}},

		{"ids of different types",
			[]string{"> " + toolCall("1", "n"), "> " + toolCall(`"1"`, "s"), `< {"id":"1","result":"s"}`, `< {"id":1,"result":"n"}`},
			[]string{`1 executed "n"`, `s:1 executed "s"`}},
		{"a number written in other ways",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2.50", "t"), "> " + toolCall("300", "t"),
				`< {"id":1.0,"result":"a"}`, `< {"id":25e-1,"result":"b"}`, `< {"id":3E2,"result":"c"}`},
			[]string{`1 executed "a"`, `2.50 executed "b"`, `300 executed "c"`}},
		{"a string spelled in other ways",
			[]string{"> " + toolCall(`"\u0061/é"`, "t"), `< {"id":"a\/\u00e9","result":"a"}`},
			[]string{`s:a/é executed "a"`}},
		{"id 0, huge ids, empty id",
			[]string{"> " + toolCall("0", "t"), "> " + toolCall("9007199254740993", "t"), "> " + toolCall("9007199254740992", "t"), "> " + toolCall(`""`, "t"),
				"> " + toolCall("1e400", "t"),
				`< {"id":9007199254740992,"result":"2"}`, `< {"id":9007199254740993,"result":"3"}`, `< {"id":"","result":"e"}`, `< {"id":0,"result":"0"}`,
				`< {"id":1e400,"result":"h"}`},
			[]string{`0 executed "0"`, `9007199254740993 executed "3"`, `9007199254740992 executed "2"`, `s: executed "e"`, `1e400 executed "h"`}},
		{"half a surrogate pair",
			[]string{"> " + toolCall(`"\ud83d"`, "t"), `< {"id":"\ud83d","result":"a"}`},
			[]string{`json:"\ud83d" executed "a"`}},

		{"an id used again after the response",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":"a"}`, "> " + toolCall("1", "t"), `< {"id":1,"result":"b"}`},
			[]string{`1 executed "a"`, `1 executed "b"`}},
		{"an id used again before the response",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("1", "t"), `< {"id":1,"result":"a"}`, `< {"id":1,"result":"b"}`},
			[]string{`1 executed "a"`, `1 executed "b"`}},
		{"an id used again after a cancelled call",
			[]string{"> " + toolCall("1", "t"), `> {"method":"notifications/cancelled","params":{"requestId":1}}`, "> " + toolCall("1", "t"), `< {"id":1,"result":"b"}`},
			[]string{`1 unanswered, cancelled by the client`, `1 executed "b"`}},
		{"an id used by another request before",
			[]string{`> {"id":1,"method":"tools/list"}`, "> " + toolCall("1", "t"), `< {"id":1,"result":{"tools":[]}}`, `< {"id":1,"result":"b"}`},
			[]string{`1 executed "b"`}},
		{"two responses to one id",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":"a"}`, `< {"id":1,"result":"b"}`},
			[]string{`1 executed "a"`}},
		{"responses to unknown ids",
			[]string{"> " + toolCall("1", "t"), `< {"id":2,"result":"a"}`, `< {"id":{},"result":"d"}`, `< {"id":"x","result":"e"}`},
			[]string{`1 unanswered, the client ended the session`}},
		{"an id that is none, or occurs twice",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall(`"2"`, "t"), `< {"id":true,"result":"a"}`, `< {"id":[2],"result":"b"}`, `< {"id":1,"id":5,"result":"c"}`, `< {"id":1,"id":null,"result":"c"}`},
			[]string{"1 unanswered, the client ended the session; messages that could not be read and may be its response: 4",
				"s:2 unanswered, the client ended the session; messages that could not be read and may be its response: 4"}},
		{"ids of another type, as some clients read them",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), "> " + toolCall("3", "t"), "> " + toolCall("4", "t"), "> " + toolCall("0", "t"), "> " + toolCall(`"6"`, "t"), "> " + toolCall("7", "t"),
				`< {"id":"1","result":"a"}`, `< {"id":" 0x2 ","result":"b"}`, `< {"id":"0_3e0","result":"c"}`, `< {"id":4.5,"result":"d"}`, `< {"id":"","result":"e"}`, `< {"id":6.0,"result":"f"}`, `< {"id":"\u0667","result":"g"}`},
			[]string{`1 executed, its id is not spelled as the call's "a"`, `2 executed, its id is not spelled as the call's "b"`, `3 executed, its id is not spelled as the call's "c"`,
				`4 executed, its id is not spelled as the call's "d"`, `0 executed, its id is not spelled as the call's "e"`, `s:6 executed, its id is not spelled as the call's "f"`,
				`7 executed, its id is not spelled as the call's "g"`}},
		{"ids of both types in flight",
			[]string{"> " + toolCall("2", "n"), "> " + toolCall(`"2"`, "s"), `< {"id":2,"result":"n"}`, `< {"id":2,"result":"again"}`, `< {"id":"2","result":"s"}`},
			[]string{`2 executed "n"`, `s:2 executed "s"`}},
		{"the first response counts",
			[]string{"> " + toolCall("7", "t"), `< {"id":"7","result":{"isError":true}}`, `< {"id":7,"result":"fine"}`},
			[]string{`7 failed, isError; its id is not spelled as the call's {"isError":true}`}},
		{"an error with id null",
			[]string{"> " + toolCall("1", "t"), `< {"id":null,"error":{"code":-32700,"message":"parse error"}}`, `< {"error":{}}`},
			[]string{`1 unanswered, the client ended the session`}},
		{"the same id in both directions",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"method":"sampling/createMessage","params":{},"result":"no"}`, `> {"id":1,"result":{"role":"assistant"}}`,
				`< {"id":1,"result":"a"}`},
			[]string{`1 executed, a message before it that may be the response could not be read "a"`}},
		{"no id",
			[]string{`> {"method":"tools/call","params":{"name":"t"}}`, `> {"id":null,"method":"tools/call","params":{"name":"t"}}`, `< {"id":null,"result":"a"}`},
			[]string{` unanswered, it had no id`, ` unanswered, it had no id`}},

		{"a batch of responses",
			[]string{`> [` + toolCall("1", "t") + `,` + toolCall("2", "t") + `]`, `< [{"id":2,"result":"b"}, {"id":9,"result":"x"}, {"method":"m"}, 5, {"id":1,"error":{"code":1}}]`},
			[]string{`1 failed, JSON-RPC error, 1 {"code":1}`, `2 executed "b"`}},
		{"a batch is cancelled in a batch",
			[]string{`> [` + toolCall("1", "t") + `,{"method":"notifications\/cancelled","params":{"requestId":1.0}}]`},
			[]string{`1 unanswered, cancelled by the client`}},
		{"cancelled and a response all the same",
			[]string{"> " + toolCall("1", "t"), `> {"method":"notifications/cancelled","params":{"requestId":1}}`, `< {"id":1,"result":"a"}`},
			[]string{`1 executed "a"`}},
		{"another's cancellation",
			[]string{"> " + toolCall("1", "t"), `> {"method":"notifications/cancelled","params":{"requestId":"1"}}`},
			[]string{`1 unanswered, the client ended the session`}},
		{"junk",
			[]string{"> " + toolCall("1", "t"), `< {"id":1,"result":"a"`, `< Listening on port "id" 1`, `< {"id":1,"result":"a"} {}`, "< \ufeff{\"id\":1,\"result\":\"a\"}", `< {"id":1,"result":"b"}`},
			[]string{`1 executed, a message before it that may be the response could not be read "b"`}},
		{"what is no message", []string{"> " + toolCall("1", "t"), `< Listening on port 3000`, `< [INFO] id 1`, `< 17`, `<  `, `< "x"`},
			[]string{`1 unanswered, the client ended the session`}},
		{"what cannot be read, with an id",
			[]string{"> " + toolCall("1", "t"), "> " + toolCall("2", "t"), "> " + toolCall("3", "t"), "> " + toolCall("4", "t"), "> " + toolCall("5", "t"),
				`< {"id":1,"result":NaN}`, `< {"id":2,"result":{"a":01}}`, `< {"id":3,"result":{}}{"id":4,"result":{}}`, `< {"id":5,"RESULT":{}}`},
			[]string{`1 ` + unread, `2 ` + unread, `3 ` + unread, `4 ` + unread, `5 ` + unread}},
		{"what cannot be read, without one",
			[]string{"> " + toolCall("1", "t"), `< {`, `<  "id":1`, "> " + toolCall("2", "t"), `< {"ID":2,"result":1}`},
			[]string{`1 unanswered, the client ended the session; messages that could not be read and may be its response: 2`,
				`2 unanswered, the client ended the session; messages that could not be read and may be its response: 1`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			newScene(t).expect(c.lines, c.want...)
		})
	}
}

// TestLargeResponses are bound too: their hash is that of the canonical form up
// to maxKept, and beyond it that of the bytes, which the reason says.
func TestLargeResponses(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", mcpwire.MaxKept/16)
	small := `{"b":"` + text[:mcpwire.ReadSize] + `", "a":1.0,"isError":true}`
	large := `{"b":"` + text + `", "a":1.0,"isError":true}`
	inputRequest := `{"resultType":"input_required","inputRequests":"` + text + `","requestState":"s"}`
	failure := `{"message":"because","data":"` + text + `","code":-5}`
	inexact := `{"n":9007199254740993}`
	s := newScene(t)
	var lines []string
	for i, content := range []string{`"result":` + small, `"result":` + large, `"result":` + inputRequest, `"error":` + failure, `"result":` + inexact} {
		lines = append(lines, "> "+toolCall(strconv.Itoa(i), "t"), `< {"id":`+strconv.Itoa(i)+`,`+content+`}`)
	}
	lines = append(lines, "> "+toolCall("9", "t", `"requestState":"s"`))
	raw := func(s string) string { return fmt.Sprintf("content_hash is of the %d bytes as sent", len(s)) }
	s.play(lines...)
	st := s.end()
	s.said = nil
	want := []string{
		"0 failed, isError " + canonicalHash(t, small),
		"1 failed, isError; " + raw(large) + " " + rawHash(large),
		"2 requires_approval, input_required; " + raw(inputRequest) + " " + rawHash(inputRequest),
		"3 failed, JSON-RPC error; " + raw(failure) + ", -5: because " + rawHash(failure),
		"4 executed, " + raw(inexact) + " " + rawHash(inexact),
		"9 unanswered, the client ended the session",
	}
	if got := s.tell(st); !slices.Equal(got, want) {
		t.Errorf("the log tells\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if n := len(st.calls); n != 6 || st.calls[5].ParentID != st.calls[2].ID {
		t.Errorf("the retry's parent is %q, want %q", st.calls[5].ParentID, st.calls[2].ID)
	}
}

func rawHash(text string) string { return event.HashOf([]byte(text)).String() }

func canonicalHash(t *testing.T, text string) string {
	t.Helper()
	b, err := canon.Canonicalize([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return event.HashOf(b).String()
}
