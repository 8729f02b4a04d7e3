package mcpwire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// judged is a verdict in words, for tables:
//
//	pass
//	-32600 1,"2"        refused: with this code, in a reply to these ids
//	-32600 [1,"2"]      the same of a batch
//	a({"x":1})#n:1 b# … recorded: of each call the tool, the arguments if any,
//	                    and call_id; then the line, with R for each receipt
func judged(line []byte, v Verdict) string {
	if v.Refusal != nil {
		var replies []struct {
			ID    json.RawMessage
			Error struct {
				Code    int
				Message string
			}
		}
		reply := ErrorReply(v, v.Refusal.Code, "no")
		list, ok := bytes.CutSuffix(reply, []byte("\n"))
		if !v.Batch {
			list = []byte("[" + string(list) + "]")
		}
		if err := json.Unmarshal(list, &replies); err != nil || !ok || len(replies) == 0 || bytes.Contains(list, []byte("\n")) {
			return fmt.Sprintf("not a reply: %q (%v)", reply, err)
		}
		var ids []string
		for _, r := range replies {
			if r.Error.Code != v.Refusal.Code || r.Error.Message != "no" {
				return fmt.Sprintf("not an error reply: %q", reply)
			}
			ids = append(ids, string(r.ID))
		}
		if len(v.Calls) > 0 {
			return "refused, and calls to record too"
		}
		s := strings.Join(ids, ",")
		if v.Batch {
			s = "[" + s + "]"
		}
		return fmt.Sprintf("%d %s", v.Refusal.Code, s)
	}
	if len(v.Calls) == 0 {
		return "pass"
	}
	var b strings.Builder
	receipts := make([][]byte, len(v.Calls))
	for i, c := range v.Calls {
		receipts[i] = []byte("R")
		b.WriteString(c.Tool)
		if c.Arguments != nil {
			fmt.Fprintf(&b, "(%s)", c.Arguments)
		}
		b.WriteString("#" + CallID(c.ID))
		if c.TraceID != "" {
			b.WriteString(" trace=" + c.TraceID)
		}
		if c.ParentID != "" {
			b.WriteString(" carried=" + c.ParentID)
		}
		b.WriteString(" ")
	}
	Splice(&b, asLine(line), v.Calls, receipts)
	return b.String()
}

func asLine(b []byte) Line { return Line{Bytes: b, Length: len(b)} }

// gateCases are lines and what judged says of them, each at the start of a
// session.
var gateCases = []struct{ name, line, want string }{
	// What is no call passes, whatever it is.
	{"empty", ``, `pass`},
	{"empty line", "\n", `pass`},
	{"empty line, CR LF", "\r\n", `pass`},
	{"white space", " \t \n", `pass`},
	{"ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `pass`},
	{"junk", `hello`, `pass`},
	{"junk with NUL", "he\x00llo", `pass`},
	{"junk with CR", "a\rb", `pass`},
	{"bad UTF-8", `{"method":"` + badUTF8 + `"}`, `pass`},
	{"NaN", `{"method":"ping","params":NaN}`, `pass`},
	{"JSON5", `{method:'ping',}`, `pass`},
	{"deep", `{"method":"ping","params":` + nested(20_000) + `}`, `pass`},
	{"duplicates", `{"method":"ping","method":"pong","id":1,"ID":1}`, `pass`},
	{"another tools method", `{"method":"tools/list"}`, `pass`},
	{"another, and escapes", `{"method":"tools\/list","params":{"a":"\u0074ools\\n"}}`, `pass`},
	{"longer", `{"method":"tools/caller"}`, `pass`},
	{"shorter", `{"method":"tools/cal"}`, `pass`},
	{"other letters before", `{"method":"xtools/call"}`, `pass`},
	{"tab, not t", `{"method":"\tools/calls"}`, `pass`},
	{"other case", `{"method":"Tools/Call"}`, `pass`},
	{"t again", `{"method":"ttools\/cal"}`, `pass`},

	// So does what only speaks of one.
	{"a response with the words", `{"jsonrpc":"2.0","id":1,"result":{"text":"use tools/call"}}`, `pass`},
	{"the words alone in a response", `{"jsonrpc":"2.0","id":1,"result":"tools/call"}`, `pass`},
	{"a call inside a response", `{"id":1,"result":{"method":"tools/call","params":{"name":"t"}}}`, `pass`},
	{"a call inside params", `{"method":"x","params":{"method":"tools/call"}}`, `pass`},
	{"a call inside params, twins inside", `{"method":"x","params":{"method":"tools/call","Method":1,"method":2}}`, `pass`},
	{"a member of that name", `{"tools/call":1}`, `pass`},
	{"a name", `{"method":"prompts/get","params":{"name":"tools/call"}}`, `pass`},
	{"in an array inside", `{"method":"x","params":[{"method":"tools/call"}]}`, `pass`},
	{"a string that is more", `"see tools/call"`, `pass`},
	{"Method ping, and the words", `{"Method":"ping","x":"tools/call"}`, `pass`},
	{"__proto__ and the words elsewhere", `{"__proto__":1,"method":"x","params":"tools/call"}`, `pass`},

	// Calls.
	{"plain", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":1}}}`,
		`t({"x":1})#n:1 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":1},"_meta":{"_signet":R}}}`},
	{"LF", `{"method":"tools/call","params":{"name":"t"}}` + "\n", `t# {"method":"tools/call","params":{"name":"t","_meta":{"_signet":R}}}` + "\n"},
	{"CR LF", `{"method":"tools/call","params":{"name":"t"}}` + "\r\n", `t# {"method":"tools/call","params":{"name":"t","_meta":{"_signet":R}}}` + "\r\n"},
	{"CR at the end", `{"method":"tools/call","params":{}}` + "\r", `# {"method":"tools/call","params":{"_meta":{"_signet":R}}}` + "\r"},
	{"BOM", "\xef\xbb\xbf" + `{"method":"tools/call","params":{"name":"t"}}`, "t# \xef\xbb\xbf" + `{"method":"tools/call","params":{"name":"t","_meta":{"_signet":R}}}`},
	{"spaces", ` { "method" : "tools/call" , "params" : { } } `, `#  { "method" : "tools/call" , "params" : { "_meta":{"_signet":R}} } `},
	{"spaces in _meta", `{"method":"tools/call","params":{"_meta":{ "a" : 1 } }}`, `# {"method":"tools/call","params":{"_meta":{ "a" : 1 ,"_signet":R} }}`},
	{"params first", `{"params":{"arguments":{},"name":"t"},"method":"tools/call"}`, `t({})# {"params":{"arguments":{},"name":"t","_meta":{"_signet":R}},"method":"tools/call"}`},
	{"with a result", `{"id":1,"method":"tools/call","result":{}}`, `#n:1 {"id":1,"method":"tools/call","result":{}}`},
	{"no jsonrpc", `{"id":1,"method":"tools/call","params":{}}`, `#n:1 {"id":1,"method":"tools/call","params":{"_meta":{"_signet":R}}}`},
	{"jsonrpc 1.0", `{"jsonrpc":1.0,"method":"tools/call"}`, `# {"jsonrpc":1.0,"method":"tools/call"}`},
	{"nothing but the method", `{"method":"tools/call"}`, `# {"method":"tools/call"}`},

	{"escaped slash", `{"method":"tools\/call","params":{}}`, `# {"method":"tools\/call","params":{"_meta":{"_signet":R}}}`},
	{"escaped letter", `{"method":"\u0074ools/call","params":{}}`, `# {"method":"\u0074ools/call","params":{"_meta":{"_signet":R}}}`},
	{"all escaped", `{"method":"\u0074\u006f\u006f\u006c\u0073\u002F\u0063\u0061\u006c\u006C"}`, `# {"method":"\u0074\u006f\u006f\u006c\u0073\u002F\u0063\u0061\u006c\u006C"}`},

	{"id string", `{"id":"a","method":"tools/call"}`, `#s:a {"id":"a","method":"tools/call"}`},
	{"id escaped", `{"id":"\u0061","method":"tools/call"}`, `#s:a {"id":"\u0061","method":"tools/call"}`},
	{"id empty", `{"id":"","method":"tools/call"}`, `#s: {"id":"","method":"tools/call"}`},
	{"id number as sent", `{"id":-1.50e400,"method":"tools/call"}`, `#n:-1.50e400 {"id":-1.50e400,"method":"tools/call"}`},
	{"id null", `{"id":null,"method":"tools/call"}`, `# {"id":null,"method":"tools/call"}`},
	{"id object", `{"id":{"a":1},"method":"tools/call"}`, `# {"id":{"a":1},"method":"tools/call"}`},
	{"id lone surrogate", `{"id":"\ud800","method":"tools/call"}`, `#json:"\ud800" {"id":"\ud800","method":"tools/call"}`},
	{"id bad UTF-8", `{"id":"` + badUTF8 + `","method":"tools/call"}`, "#hash:" + event.HashOf([]byte(`"`+badUTF8+`"`)).String() + ` {"id":"` + badUTF8 + `","method":"tools/call"}`},

	{"params null", `{"method":"tools/call","params":null}`, `# {"method":"tools/call","params":null}`},
	{"params array", `{"method":"tools/call","params":["t",{}]}`, `(["t",{}])# {"method":"tools/call","params":["t",{}]}`},
	{"params string", `{"method":"tools/call","params":"t"}`, `("t")# {"method":"tools/call","params":"t"}`},
	{"params number", `{"method":"tools/call","params":1e400}`, `(1e400)# {"method":"tools/call","params":1e400}`},
	{"params true", `{"method":"tools/call","params":true}`, `(true)# {"method":"tools/call","params":true}`},
	{"params empty", `{"method":"tools/call","params":{}}`, `# {"method":"tools/call","params":{"_meta":{"_signet":R}}}`},
	{"name missing", `{"method":"tools/call","params":{"arguments":{"a":1}}}`, `({"a":1})# {"method":"tools/call","params":{"arguments":{"a":1},"_meta":{"_signet":R}}}`},
	{"name number", `{"method":"tools/call","params":{"name":5}}`, `json:5# {"method":"tools/call","params":{"name":5,"_meta":{"_signet":R}}}`},
	{"name object", `{"method":"tools/call","params":{"name":{"name":"t"}}}`, `json:{"name":"t"}# {"method":"tools/call","params":{"name":{"name":"t"},"_meta":{"_signet":R}}}`},
	{"name escaped", `{"method":"tools/call","params":{"name":"\u0074"}}`, `t# {"method":"tools/call","params":{"name":"\u0074","_meta":{"_signet":R}}}`},
	{"name lone surrogate", `{"method":"tools/call","params":{"name":"\udfff"}}`, `json:"\udfff"# {"method":"tools/call","params":{"name":"\udfff","_meta":{"_signet":R}}}`},
	{"name a number, as a string", `{"method":"tools/call","params":{"name":"5"}}`, `5# {"method":"tools/call","params":{"name":"5","_meta":{"_signet":R}}}`},
	{"name null", `{"method":"tools/call","params":{"name":null}}`, `json:null# {"method":"tools/call","params":{"name":null,"_meta":{"_signet":R}}}`},
	{"name that looks like another", `{"method":"tools/call","params":{"name":"json:5"}}`, `json:"json:5"# {"method":"tools/call","params":{"name":"json:5","_meta":{"_signet":R}}}`},
	{"name that looks like a hash", `{"method":"tools/call","params":{"name":"h\u0061sh:5"}}`, `json:"h\u0061sh:5"# {"method":"tools/call","params":{"name":"h\u0061sh:5","_meta":{"_signet":R}}}`},
	{"name as long as may be", `{"method":"tools/call","params":{"name":"` + long[:1022] + `"}}`, long[:1022] + `# {"method":"tools/call","params":{"name":"` + long[:1022] + `","_meta":{"_signet":R}}}`},
	{"name longer", `{"method":"tools/call","params":{"name":"` + long[:1023] + `"}}`, `hash:` + event.HashOf([]byte(`"`+long[:1023]+`"`)).String() + `# {"method":"tools/call","params":{"name":"` + long[:1023] + `","_meta":{"_signet":R}}}`},
	{"name bad UTF-8", `{"method":"tools/call","params":{"name":"` + badUTF8 + `"}}`, `hash:` + event.HashOf([]byte(`"`+badUTF8+`"`)).String() + `# {"method":"tools/call","params":{"name":"` + badUTF8 + `","_meta":{"_signet":R}}}`},
	{"a long id", `{"id":"` + long + `","method":"tools/call"}`, `#hash:` + event.HashOf([]byte(`"`+long+`"`)).String() + ` {"id":"` + long + `","method":"tools/call"}`},
	{"a long id, a number", `{"id":1` + strings.Repeat("0", 1024) + `,"method":"tools/call"}`, `#hash:` + event.HashOf([]byte(`1`+strings.Repeat("0", 1024))).String() + ` {"id":1` + strings.Repeat("0", 1024) + `,"method":"tools/call"}`},
	{"an id that looks like a hash", `{"id":"hash:1","method":"tools/call"}`, `#s:hash:1 {"id":"hash:1","method":"tools/call"}`},
	{"arguments null", `{"method":"tools/call","params":{"arguments":null}}`, `(null)# {"method":"tools/call","params":{"arguments":null,"_meta":{"_signet":R}}}`},
	{"arguments array", `{"method":"tools/call","params":{"arguments":[1]}}`, `([1])# {"method":"tools/call","params":{"arguments":[1],"_meta":{"_signet":R}}}`},
	{"arguments as sent", `{"method":"tools/call","params":{"arguments": {"a" :9007199254740993, "a":1e400,"b":"\ud800` + badUTF8 + `\/"} }}`,
		`({"a" :9007199254740993, "a":1e400,"b":"\ud800` + badUTF8 + `\/"})# {"method":"tools/call","params":{"arguments": {"a" :9007199254740993, "a":1e400,"b":"\ud800` + badUTF8 + `\/"} ,"_meta":{"_signet":R}}}`},
	{"twins inside arguments", `{"method":"tools/call","params":{"arguments":{"name":1,"Name":2,"name":3,"__proto__":{"method":"tools/call"}}}}`,
		`({"name":1,"Name":2,"name":3,"__proto__":{"method":"tools/call"}})# {"method":"tools/call","params":{"arguments":{"name":1,"Name":2,"name":3,"__proto__":{"method":"tools/call"}},"_meta":{"_signet":R}}}`},
	{"NUL escaped in arguments", `{"method":"tools/call","params":{"arguments":{"a\u0000":"\u0000"}}}`, `({"a\u0000":"\u0000"})# {"method":"tools/call","params":{"arguments":{"a\u0000":"\u0000"},"_meta":{"_signet":R}}}`},
	{"other members", `{"method":"tools/call","params":{"task":{"ttl":1},"meta":1,"_signet":2}}`, `# {"method":"tools/call","params":{"task":{"ttl":1},"meta":1,"_signet":2,"_meta":{"_signet":R}}}`},
	{"an empty name", `{"method":"tools/call","":1,"params":{"":2}}`, `# {"method":"tools/call","":1,"params":{"":2,"_meta":{"_signet":R}}}`},

	{"_meta empty", `{"method":"tools/call","params":{"_meta":{}}}`, `# {"method":"tools/call","params":{"_meta":{"_signet":R}}}`},
	{"_meta first", `{"method":"tools/call","params":{"_meta":{"progressToken":1},"name":"t"}}`, `t# {"method":"tools/call","params":{"_meta":{"progressToken":1,"_signet":R},"name":"t"}}`},
	{"_meta null", `{"method":"tools/call","params":{"_meta":null,"name":"t"}}`, `t# {"method":"tools/call","params":{"_meta":null,"name":"t"}}`},
	{"_meta array", `{"method":"tools/call","params":{"_meta":[]}}`, `# {"method":"tools/call","params":{"_meta":[]}}`},
	{"_meta string", `{"method":"tools/call","params":{"_meta":"_signet"}}`, `# {"method":"tools/call","params":{"_meta":"_signet"}}`},
	{"_meta in the message", `{"method":"tools/call","_meta":{},"params":{}}`, `# {"method":"tools/call","_meta":{},"params":{"_meta":{"_signet":R}}}`},
	{"_meta in arguments", `{"method":"tools/call","params":{"arguments":{"_meta":{}}}}`, `({"_meta":{}})# {"method":"tools/call","params":{"arguments":{"_meta":{}},"_meta":{"_signet":R}}}`},
	{"a receipt", `{"method":"tools/call","params":{"_meta":{"_signet":{"v":1,"id":"rec_0123"}}}}`, `# carried=rec_0123 {"method":"tools/call","params":{"_meta":{"_signet":{"v":1,"id":"rec_0123"}}}}`},
	{"a receipt with junk for an id", `{"method":"tools/call","params":{"_meta":{"_signet":{"id":"x"},"a":1}}}`, `# {"method":"tools/call","params":{"_meta":{"_signet":{"id":"x"},"a":1}}}`},
	{"a receipt with a long id", `{"method":"tools/call","params":{"_meta":{"_signet":{"id":"rec_` + strings.Repeat("0", 128) + `"}}}}`, `# {"method":"tools/call","params":{"_meta":{"_signet":{"id":"rec_` + strings.Repeat("0", 128) + `"}}}}`},
	{"a receipt that is none", `{"method":"tools/call","params":{"_meta":{"_signet":null}}}`, `# {"method":"tools/call","params":{"_meta":{"_signet":null}}}`},
	{"a receipt, escaped", `{"method":"tools/call","params":{"_meta":{"_sign\u0065t":{"id":"rec_1"}}}}`, `# carried=rec_1 {"method":"tools/call","params":{"_meta":{"_sign\u0065t":{"id":"rec_1"}}}}`},
	{"trace", `{"method":"tools/call","params":{"_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}`,
		`# trace=4bf92f3577b34da6a3ce929d0e0e4736 {"method":"tools/call","params":{"_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","_signet":R}}}`},
	{"9,000 deep", `{"id":1,"method":"tools/call","params":{"arguments":` + nested(9000) + `}}`, `(` + nested(9000) + `)#n:1 {"id":1,"method":"tools/call","params":{"arguments":` + nested(9000) + `,"_meta":{"_signet":R}}}`},

	// Batches.
	{"batch, empty", `[]`, `pass`},
	{"batch, no call", `[{"id":1,"method":"ping"},{"result":"tools/call"}]`, `pass`},
	{"batch, one call", `[{"id":1,"method":"tools/call","params":{"name":"t"}}]`, `t#n:1 [{"id":1,"method":"tools/call","params":{"name":"t","_meta":{"_signet":R}}}]`},
	{"batch, mixed", ` [ {"method":"ping"}, {"method":"tools/call","params":{}} ,1,null,"x", {"id":"2","method":"tools/call"}, {"method":"tools/call","params":{"_meta":{"a":1}}}]` + "\r\n",
		`# #s:2 #  [ {"method":"ping"}, {"method":"tools/call","params":{"_meta":{"_signet":R}}} ,1,null,"x", {"id":"2","method":"tools/call"}, {"method":"tools/call","params":{"_meta":{"a":1,"_signet":R}}}]` + "\r\n"},
	{"batch, nested without a call", `[[{"method":"ping"}],{"id":1,"method":"tools/call"}]`, `#n:1 [[{"method":"ping"}],{"id":1,"method":"tools/call"}]`},
	{"batch, nested", `[{"id":1,"method":"ping"},[{"id":2,"method":"tools/call"}]]`, `-32600 [1]`},
	{"batch, nested, no id", `[[{"method":"tools/call"}]]`, `-32600 [null]`},
	{"batch with a refusal", `[{"id":1,"method":"tools/call","params":{}},{"id":2,"method":"tools/call","Method":"x"},{"method":"tools/call"},{"id":"3","method":"ping"}]`, `-32600 [1,2,"3"]`},
	{"batch with a refusal and a response", `[{"id":7,"result":{}},{"id":1,"METHOD":"tools/call"}]`, `-32600 [1]`},
	{"batch of a string", `["tools/call"]`, `-32600 [null]`},
	{"batch, cut", `[{"id":1,"method":"tools/call"}`, `-32700 null`},
	{"batch of 1,000", `[` + strings.Repeat(`1,`, 999) + `{"id":1,"method":"tools/call"}]`, `#n:1 [` + strings.Repeat(`1,`, 999) + `{"id":1,"method":"tools/call"}]`},
	{"batch of 1,001", `[` + strings.Repeat(`1,`, 1000) + `{"id":1,"method":"tools/call"}]`, `-32600 null`},
	{"batch of 1,001 pings", `[` + strings.Repeat(`{"method":"ping"},`, 1000) + `{"id":1,"method":"ping"}]`, `pass`},
	{"1,001 ids", `{` + strings.Repeat(`"id":1,`, 1001) + `"method":"tools/call"}`, `-32600 1`},

	// Twins of method.
	{"method twice", `{"id":1,"method":"tools/call","method":"tools/call"}`, `-32600 1`},
	{"method twice, call first", `{"id":1,"method":"tools/call","method":"ping"}`, `-32600 1`},
	{"method twice, call last", `{"id":1,"method":"ping","method":"tools/call"}`, `-32600 1`},
	{"Method", `{"id":1,"Method":"tools/call"}`, `-32600 1`},
	{"METHOD beside method", `{"id":1,"method":"ping","METHOD":"tools/call"}`, `-32600 1`},
	{"method beside Method", `{"id":1,"Method":"ping","method":"tools/call"}`, `-32600 1`},
	{"escaped method", `{"id":1,"\u006dethod":"tools/call"}`, `-32600 1`},
	{"escaped method beside method", `{"id":1,"\u006dethod":"tools/call","method":"ping"}`, `-32600 1`},
	{"both escaped", `{"id":1,"\u006dethod":"\u0074ools\/call"}`, `-32600 1`},
	{"escaped capital", `{"id":1,"\u004dethod":"tools/call"}`, `-32600 1`},
	{"method, NUL", `{"id":1,"method\u0000":"tools/call"}`, `-32600 1`},
	{"method, NUL and more", `{"id":1,"method\u0000x":"tools/call"}`, `-32600 1`},
	{"NUL, method", `{"id":1,"\u0000method":"tools/call"}`, `-32600 1`},
	{"method for encoding/json/v2", `{"id":1,"me_thod":"tools/call"}`, `-32600 1`},
	{"method for encoding/json/v2, hyphen", `{"id":1,"-METHOD":"tools/call"}`, `-32600 1`},
	{"method with bytes to leave out", `{"id":1,"meth` + badUTF8 + `od":"tools/call"}`, `-32600 1`},
	{"method with a surrogate to leave out", `{"id":1,"meth\udc00od":"tools/call"}`, `-32600 1`},
	{"method, overlong", `{"id":1,"` + "\xc1\xad" + `ethod":"tools/call"}`, `-32600 1`},
	{"method, overlong in three", `{"id":1,"` + "\xe0\x81\xad" + `ethod":"tools/call"}`, `-32600 1`},
	{"method, overlong in four", `{"id":1,"` + "\xf0\x80\x81\xad" + `ethod":"tools/call"}`, `-32600 1`},
	{"method, overlong in six", `{"id":1,"` + "\xfc\x80\x80\x80\x81\xad" + `ethod":"tools/call"}`, `-32600 1`},
	{"call, NUL", `{"id":1,"method":"tools/call\u0000"}`, `-32600 1`},
	{"call, NUL and more", `{"id":1,"method":"tools/call\u0000x"}`, `-32600 1`},
	{"NUL, call", `{"id":1,"method":"\u0000tools/call"}`, `-32600 1`},
	{"NUL in call", `{"id":1,"method":"tools\u0000/call"}`, `-32600 1`},
	{"call with bytes to leave out", `{"id":1,"method":"tools/` + badUTF8 + `call"}`, `-32600 1`},
	{"call with a surrogate to leave out", `{"id":1,"method":"tools/\udc00call"}`, `-32600 1`},
	{"call, overlong", `{"id":1,"method":"` + "\xc1\xb4" + `ools/call"}`, `-32600 1`},
	{"call in an array, for JavaScript", `{"id":1,"method":["tools/call"]}`, `-32600 1`},
	{"call in arrays, escaped", `{"id":1,"method":[["\u0074ools/call"]]}`, `-32600 1`},
	{"__proto__", `{"id":1,"__proto__":{"method":"tools/call"}}`, `-32600 1`},
	{"__proto__, escaped", `{"id":1,"method":"x","\u005f_proto__":{"method":"tools\/call"}}`, `-32600 1`},
	{"__proto__ beside a call", `{"id":1,"method":"tools/call","__proto__":{"params":{}}}`, `-32600 1`},
	{"__proto__ in params", `{"id":1,"method":"tools/call","params":{"__proto__":{"name":"t"}}}`, `-32600 1`},

	// A method that is not a string: some readers make one of it.
	{"method of codes, by json_class", `{"id":1,"method":{"json_class":"String","raw":[116,111,111,108,115,47,99,97,108,108]},"params":{"name":"t","arguments":{}}}`, `-32600 1`},
	{"method in base64", `{"id":1,"method":{"$binary":"dG9vbHMvY2FsbA=="},"params":{"name":"t"}}`, `-32600 1`},
	{"method of halves", `{"id":"a","method":["tools","/","call"]}`, `-32600 "a"`},
	{"method an empty object", `{"id":1,"method":{}}`, `-32600 1`},
	{"method an empty list", `{"id":1,"method":[]}`, `-32600 1`},
	{"method a number", `{"id":1,"method":0,"params":{"name":"t"}}`, `-32600 1`},
	{"method a long number", `{"id":1,"method":-1.5e400}`, `-32600 1`},
	{"method true", `{"id":1,"method":true}`, `-32600 1`},
	{"method false", `{"id":1,"method":false}`, `-32600 1`},
	{"method null", `{"id":1,"method":null}`, `-32600 1`},
	{"method null, and params", `{"id":1,"method":null,"params":{"name":"t"}}`, `-32600 1`},
	{"method null, params and a result", `{"id":1,"method":null,"params":{"name":"t"},"result":{}}`, `-32600 1`},
	{"method null in a response", `{"id":1,"method":null,"params":null,"result":{"content":[]},"error":null}`, `pass`},
	{"method null in an error", `{"id":1,"method":null,"error":{"code":-1,"message":"no"}}`, `pass`},
	{"method an object in a response", `{"id":1,"method":{},"result":{}}`, `-32600 1`},
	{"method null twice in a response", `{"id":1,"method":null,"result":{},"method":5}`, `-32600 1`},
	{"no id", `{"method":{"a":1}}`, `-32600 null`},
	{"an id that is none", `{"id":[1],"method":{"a":1}}`, `-32600 null`},
	{"method a number, spaces", " { \"id\" : 1 , \"method\"\t:\t5 } \r\n", `-32600 1`},
	{"method a number, BOM", "\xef\xbb\xbf" + `{"id":1,"method":5}`, `-32600 1`},
	{"Method a number", `{"id":1,"Method":5}`, `-32600 1`},
	{"METHOD an object, beside method", `{"id":1,"METHOD":{},"method":"ping"}`, `-32600 1`},
	{"method a list, escaped", `{"id":1,"m\u0065thod":[]}`, `-32600 1`},
	{"method an object, NUL", `{"id":1,"method\u0000x":{}}`, `-32600 1`},
	{"method an object for encoding/json/v2", `{"id":1,"me_thod":{},"method-":{},"_method":{}}`, `-32600 1`},
	{"the last method an object", `{"id":1,"method":"ping","params":{},"method":{"a":1}}`, `-32600 1`},
	{"the first method an object", `{"id":1,"method":{"a":1},"params":{},"method":"ping"}`, `-32600 1`},
	{"method an object, long texts about it", `{"id":1,"x":"` + strings.Repeat(`a \"method\": \n`, 1000) + `","method":{},"y":"` + strings.Repeat("d", 1000) + `"}`, `-32600 1`},
	{"method with bytes to leave out, an object", `{"id":1,"meth` + badUTF8 + `od":{}}`, `-32600 1`},
	{"__proto__ with a method of codes", `{"id":1,"__proto__":{"method":{"raw":[116]}}}`, `-32600 1`},
	{"CR in a method of codes", `{"id":1,"method":` + "\r" + `{"raw":[116]}}`, `-32600 1`},
	{"batch with a method of codes", `[{"id":1,"method":"ping"},{"id":2,"method":{"raw":[116]}},{"id":3,"result":{}},{"id":"4","method":"tools/call"}]`, `-32600 [1,2,"4"]`},
	{"batch in a batch, with a method of codes", `[[{"id":2,"method":{"raw":[116]}}]]`, `-32600 [null]`},
	{"a call with a method of codes after", `{"id":1,"method":"tools/call","params":{},"method":[116]}`, `-32600 1`},
	{"cut after a method of codes", `{"id":1,"method":{"raw":[116]}`, `-32700 1`},
	{"trailing comma, method of codes", `{"id":1,"method":{"raw":[116]},}`, `-32700 1`},
	{"YAML, binary", `{"id":1,"method": !!binary "dG9vbHMvY2FsbA=="}`, `-32700 1`},
	{"UTF-16, method of codes", utf16be(`{"id":1,"method":{"raw":[116]}}`), `-32700 null`},
	{"a method inside, no string", `{"id":1,"result":{"method":{"raw":[116,111]},"pay":1}}`, `pass`},
	{"methods inside, of all kinds", `{"id":1,"method":"x","params":{"method":5,"a":[{"method":[]},{"Method":null}],"methods":{}}}`, `pass`},
	{"a method inside a call", `{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"method":5},"method":{}}}`,
		`t({"method":5})#n:1 {"id":1,"method":"tools/call","params":{"name":"t","arguments":{"method":5},"method":{},"_meta":{"_signet":R}}}`},
	{"methods in the plural", `{"id":1,"method":"x","methods":[],"Methodd":5,"ethod":{}}`, `pass`},
	{"text that ends like a name", `{"id":1,"method":"x","params":{"a":"method","b":"the method","c":["method"]}}`, `pass`},
	{"a batch of other things", `[{"id":1,"method":"ping"},5,null,{"result":{"method":5}}]`, `pass`},
	{"junk with a method", `method: {}, 'method': 5`, `pass`},

	// Twins of the others.
	{"id twice", `{"id":1,"method":"tools/call","id":2}`, `-32600 2`},
	{"an id as long as may be", `{"id":"` + strings.Repeat("x", maxEchoedID-2) + `","Method":"tools/call"}`, `-32600 "` + strings.Repeat("x", maxEchoedID-2) + `"`},
	{"an id too long to repeat", `{"id":"` + strings.Repeat("x", maxEchoedID-1) + `","Method":"tools/call"}`, `-32600 null`},
	{"ID", `{"ID":1,"method":"tools/call"}`, `-32600 1`},
	{"jsonrpc twice", `{"jsonrpc":"2.0","JSONRPC":"1","id":1,"method":"tools/call"}`, `-32600 1`},
	{"params twice", `{"id":1,"method":"tools/call","params":{},"params":{}}`, `-32600 1`},
	{"Params", `{"id":1,"method":"tools/call","Params":{}}`, `-32600 1`},
	{"params beside Params", `{"id":1,"method":"tools/call","params":{},"PARAMS":{}}`, `-32600 1`},
	{"long s in params", `{"id":1,"method":"tools/call","params":{},"param` + "\u017f" + `":{}}`, `-32600 1`},
	{"long s escaped", `{"id":1,"method":"tools/call","param\u017f":{}}`, `-32600 1`},
	{"escaped params", `{"id":1,"method":"tools/call","\u0070arams":{}}`, `-32600 1`},
	{"name twice", `{"id":1,"method":"tools/call","params":{"name":"a","name":"a"}}`, `-32600 1`},
	{"Name", `{"id":1,"method":"tools/call","params":{"Name":"a"}}`, `-32600 1`},
	{"escaped name", `{"id":1,"method":"tools/call","params":{"\u006eame":"a"}}`, `-32600 1`},
	{"arguments twice", `{"id":1,"method":"tools/call","params":{"arguments":{},"arguments":{}}}`, `-32600 1`},
	{"InputResponses", `{"id":1,"method":"tools/call","params":{"InputResponses":{}}}`, `-32600 1`},
	{"inputResponses, escaped", `{"id":1,"method":"tools/call","params":{"input\u0052esponses":{}}}`, `-32600 1`},
	{"input_responses", `{"id":1,"method":"tools/call","params":{"input_responses":{}}}`, `-32600 1`},
	{"requestState and requeststate", `{"id":1,"method":"tools/call","params":{"requestState":"a","requeststate":"b"}}`, `-32600 1`},
	{"Arguments", `{"id":1,"method":"tools/call","params":{"arguments":{},"Arguments":{}}}`, `-32600 1`},
	{"long s in arguments", `{"id":1,"method":"tools/call","params":{"argument` + "\u017f" + `":{}}}`, `-32600 1`},
	{"arguments, NUL", `{"id":1,"method":"tools/call","params":{"arguments":{},"arguments\u0000":{}}}`, `-32600 1`},
	{"arguments, overlong", `{"id":1,"method":"tools/call","params":{"arguments":{},"` + "\xc1\xa1" + `rguments":{}}}`, `-32600 1`},
	{"_meta twice", `{"id":1,"method":"tools/call","params":{"_meta":{},"_meta":{}}}`, `-32600 1`},
	{"_Meta", `{"id":1,"method":"tools/call","params":{"_Meta":{}}}`, `-32600 1`},

	// What cannot be read, and may be a call.
	{"NaN in a call", `{"id":1,"method":"tools/call","params":{"arguments":{"x":NaN}}}`, `-32700 1`},
	{"Infinity in a call", `{"id":"a","method":"tools/call","params":{"arguments":{"x":-Infinity}}}`, `-32700 "a"`},
	{"single quotes", `{'id':1,'method':'tools/call'}`, `-32700 null`},
	{"no quotes", `{id:1,method:"tools/call"}`, `-32700 null`},
	{"comment", `{"id":1,"method":"tools/call"/**/}`, `-32700 1`},
	{"comment after", `{"id":1,"method":"tools/call"}//`, `-32700 1`},
	{"trailing comma", `{"id":1,"method":"tools/call",}`, `-32700 1`},
	{"trailing comma in params", `{"id":1,"method":"tools/call","params":{"name":"t",}}`, `-32700 1`},
	{"two values", `{"id":1,"method":"ping"}{"id":2,"method":"tools/call"}`, `-32700 2`},
	{"two values, call first", `{"id":1,"method":"tools/call"} {"id":2,"method":"ping"}`, `-32700 2`},
	{"cut", `{"id":1,"method":"tools/call"`, `-32700 1`},
	{"cut in the call", `{"id":1,"method":"tools/call`, `-32700 1`},
	{"junk in front", `data: {"id":1,"method":"tools/call"}`, `-32700 1`},
	{"form feed", "\f" + `{"id":1,"method":"tools/call"}`, `-32700 1`},
	{"two BOMs", "\xef\xbb\xbf\xef\xbb\xbf" + `{"id":1,"method":"tools/call"}`, `-32700 1`},
	{"NUL after", `{"id":1,"method":"tools/call"}` + "\x00", `-32700 1`},
	{"NUL in the call", `{"id":1,"method":"tools` + "\x00" + `/call"}`, `-32700 1`},
	{"10,000 deep", `{"id":1,"method":"tools/call","params":` + nested(10_000) + `}`, `-32700 1`},
	{"10,000 deep, id after", `{"method":"tools/call","params":` + nested(10_000) + `,"id":"z"}`, `-32700 "z"`},
	{"hexadecimal escape", `{"id":1,"method":"\x74ools/call"}`, `-32700 1`},
	{"YAML escape", `{"id":1,"method":"\U00000074ools/call"}`, `-32700 1`},
	{"JavaScript escape", `{"id":1,"method":"\u{74}ools/call"}`, `-32700 1`},
	{"bad escape", `{"id":1,"method":"\tools/\call"}`, `-32700 1`},
	{"raw control character", `{"id":1,"method":"tools/call","params":{"name":"` + "\x01" + `"}}`, `-32700 1`},
	{"UTF-16", utf16be(`{"id":1,"method":"tools/call"}`), `-32700 null`},
	{"UTF-16, escaped", utf16be(`{"id":1,"method":"\u0074ools/call"}`), `-32700 null`},
	{"UTF-16, BOM, other end", "\xff\xfe" + utf16be(`{"id":1,"method":"\u0074ools\/call"}`)[1:] + "\x00", `-32700 null`},
	{"overlong, not JSON", "{'method':'\xc1\xb4ools/call'}", `-32600 null`},
	{"overlong quotes", `{"id":1,"x":"` + "\xc0\xa2,\xc0\xa2method\xc0\xa2:\xc0\xa2tools/call\xc0\xa2,\xc0\xa2y\xc0\xa2:\xc0\xa2" + `"}`, `-32600 1`},
	{"overlong in arguments", `{"id":1,"method":"tools/call","params":{"arguments":"` + "\xc0\x80" + `"}}`, `-32600 1`},
	{"a long s, overlong", `{"id":1,"method":"tools/call","param` + "\xe0\x85\xbf" + `":{}}`, `-32600 1`},
	{"bytes to leave out in an escape", "{\"id\":1,\"method\":\"\\u00" + badUTF8 + `74ools/call"}`, `-32700 1`},
	{"not JSON, bytes to leave out", "{'method':'tools" + badUTF8 + "/call'}", `-32700 null`},
	{"not JSON, escaped", `{'method':'\u0074ools\/call'}`, `-32700 null`},
	{"a response that cannot be read", `{"id":1,"result":{"a":"tools/call","b":NaN}}`, `-32700 null`},
	{"an error that cannot be read", `{"error":{"message":"tools/call","data":NaN},"id":1}`, `-32700 null`},

	// What reads differently when lines are taken apart or laid together.
	{"CR between tokens", `{"id":1,` + "\r" + `"method":"tools/call"}`, `-32600 1`},
	{"CR between calls", `{"id":1,"method":"ping"}` + "\r" + `{"id":2,"method":"tools/call"}`, `-32600 2`},
	{"CR in front", "\r" + `{"id":1,"method":"tools/call"}`, `-32600 1`},
	{"CR in the words", `{"id":1,"method":"tools` + "\r" + `/call"}`, `-32600 1`},
	{"CR and spaces in the words", `{"id":1,"method":"tools` + " \r\r " + `/call"}`, `-32600 1`},
	{"the words alone", `"tools/call"`, `-32600 null`},
	{"the words alone, spaces", "  \"tools/call\" \r\n", `-32600 null`},
	{"the words alone, escaped", `"\u0074ools\/call"`, `-32600 null`},
	{"the words alone, a comma", `"tools/call",`, `-32700 null`},
	{"a piece", `"method":"tools/call"`, `-32700 null`},
	{"a piece, not alone", `"method":"tools/call","params":{`, `-32700 null`},
}

// long is longer than receipts repeat a name.
var long = strings.Repeat("long ", 300)

const badUTF8 = "\xff"

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func utf16be(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("\x00" + s[i:i+1])
	}
	return b.String()
}

func TestGate(t *testing.T) {
	for _, c := range gateCases {
		t.Run(c.name, func(t *testing.T) {
			line := []byte(c.line)
			got := judged(line, NewGate("_signet").Judge(line))
			if got != c.want {
				t.Errorf("%.300q\n got %.300s\nwant %.300s", c.line, got, c.want)
			}
			if string(line) != c.line {
				t.Errorf("the gate has written into the line: %.200q", line)
			}
		})
	}
}

// TestGateAcrossLines: some servers lay lines together until they can be read,
// and others read a stream of values.
func TestGateAcrossLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"cut in the word", []string{`{"method":"tool`, `s/call"}`}, `pass, -32600 null`},
		{"the id is in the second", []string{`{"method":"tool`, `s/call","id":1}`, `{"method":"ping"}`}, `pass, -32600 null, pass`},
		{"cut into letters", append(strings.Split(`{"method":"tools/call`, ""), `"}`), strings.Repeat("pass, ", 20) + `-32600 null, pass`},
		{"cut with spaces", []string{"{\"method\":\"tools/  \r\n", "\r\n", "\t call\"}\n"}, `pass, pass, -32600 null`},
		{"cut in an escape", []string{`{"method":"\u00`, `74ools\`, `/call"}`}, `pass, pass, -32600 null`},
		{"the rest comes again", []string{`{"method":"tools/`, `call"}`, `call"}`}, `pass, -32600 null, -32600 null`},
		{"a message between", []string{`{"method":"tools/`, `{"method":"ping"}`, `call"}`}, `pass, pass, pass`},
		{"a call between", []string{`{"method":"tools/`, `{"method":"tools/call"}`, `call"}`}, `pass, # {"method":"tools/call"}, -32600 null`},
		{"a call after", []string{`too`, `{"method":"tools/call"}`}, `pass, # {"method":"tools/call"}`},
		{"long lines", []string{strings.Repeat("x", 1000) + "tools/", "call" + strings.Repeat("x", 1000)}, `pass, -32600 null`},
		{"over many lines", []string{`{`, `"id":1,"method":`, `"tools/call"`, `}`}, `pass, pass, -32600 null, pass`},
		{"over many lines, with a comma", []string{`{"method":`, `"tools/call", "params": {`, `}}`}, `pass, -32700 null, pass`},
		{"a method of codes on two lines", []string{`{"method":`, `{"raw":[116]}}`}, `pass, -32600 null`},
		{"a method of codes, cut before the colon", []string{`{"method"`, `:{"raw":[116]}}`}, `pass, -32600 null`},
		{"a method on two lines", []string{`{"method":`, `"ping"}`, `{"method":"ping"}`}, `pass, pass, pass`},
		{"junk", []string{`t`, `o`, `o`, `l`, `box`, ``, `}`}, `pass, pass, pass, pass, pass, pass, pass`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGate("_signet")
			var got []string
			for _, l := range c.lines {
				got = append(got, judged([]byte(l), g.Judge([]byte(l))))
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %s\nwant %s", s, c.want)
			}
		})
	}
}

// TestGateFrames: a frame is judged by its body, which must stand alone.
func TestGateFrames(t *testing.T) {
	const header = "Content-Length: 1\r\n\r\n"
	for _, c := range []struct{ name, header, body, want string }{
		{"ping", header, `{"method":"ping"}`, `pass`},
		{"empty", header, ``, `pass`},
		{"call", header, `{"id":1,"method":"tools/call"}`, `#n:1 {"id":1,"method":"tools/call"}`},
		{"over lines", header, "{\n\"method\":\r\n\"ping\"}\n", `pass`},
		{"call over lines", header, "{\"id\":1,\n\"method\":\"tools/call\"}", `-32600 1`},
		{"call and a line end", header, `{"id":1,"method":"tools/call"}` + "\n", `#n:1 {"id":1,"method":"tools/call"}` + "\n"},
		{"half a message", header, `{"id":1,"method":"to`, `-32700 1`},
		{"half a number", header, `-`, `-32700 null`},
		{"two", header, `{"id":1,"method":"ping"}{}`, `-32700 1`},
		{"white space", header, ` `, `-32700 null`},
		{"call in the header", "Content-Type: {\"method\":\"tools/call\"}\r\n" + header, `{}`, `-32600 null`},
		{"method of codes", header, `{"id":1,"method":{"raw":[116]}}`, `-32600 1`},
		{"method of codes in the header", "Content-Type: {\"method\":{}}\r\n" + header, `{}`, `-32600 null`},
		{"call in the header, escaped", "Content-Type: {\"method\":\"tools\\/call\"}\r\n" + header, `{}`, `-32600 null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judged([]byte(c.body), NewGate("_signet").JudgeFrame([]byte(c.header), []byte(c.body))); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestMetaKeySpellings: a member that some server takes for ours is seen under any
// key, and no second one is put in.
func TestMetaKeySpellings(t *testing.T) {
	for _, key := range []string{"com.Example/receipt", "com.example/a-receipt", "a_receipt", "_signet"} {
		for _, spelled := range []string{key, strings.ToUpper(key), strings.ToLower(key), strings.ReplaceAll(key, "r", `\u0072`), strings.ReplaceAll(key, "e", "E")} {
			line := []byte(`{"method":"tools/call","params":{"_meta":{"` + spelled + `":1}}}`)
			if got, want := judged(line, NewGate(key).Judge(line)), "# "+string(line); got != want {
				t.Errorf("%s as %s: %s", key, spelled, got)
			}
		}
	}
	line := []byte(`{"method":"tools/call","params":{"_meta":{"com.example/areceipt2":1}}}`)
	if got := judged(line, NewGate("com.example/a-receipt").Judge(line)); !strings.Contains(got, `"com.example/a-receipt":R`) {
		t.Error(got)
	}
}
