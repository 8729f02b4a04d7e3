package record

import (
	"strings"
	"testing"
)

// TestAdvice: a server that refuses calls because of the receipt in them is
// worth one line on stderr, with the flag that helps, and others are worth none.
func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		name, response string
		advice         bool
	}{
		{"a member unknown", `"error":{"code":-32602,"message":"unknown: _meta"}`, true},
		{"serde", "\"error\":{\"code\":-32602,\"message\":\"unknown field `_meta`, expected `name` or `arguments`\"}", true},
		{"zod", `"error":{"code":-32603,"message":"[{\"code\":\"unrecognized_keys\",\"keys\":[\"_signet\"],\"path\":[\"params\",\"_meta\"]}]"}`, true},
		{"encoding/json", `"error":{"code":-32700,"message":"json: unknown field \"_meta\""}`, true},
		{"JSON Schema", `"error":{"code":-32602,"message":"params must NOT have additional properties","data":{"keyword":"additionalProperties"}}`, true},
		{"in the data", `"error":{"code":-32602,"message":"Invalid params","data":{"loc":["params","_meta","_signet"]}}`, true},
		{"Pydantic", `"error":{"code":-32602,"message":"Extra inputs are not permitted"}`, true},
		{"as a result", `"result":{"isError":true,"content":[{"type":"text","text":"unrecognized key _signet"}]}`, true},

		{"another error", `"error":{"code":-32602,"message":"unknown tool: meta"}`, false},
		{"a member of the arguments", `"error":{"code":-32602,"message":"unknown argument: path"}`, false},
		{"a result", `"result":{"content":[{"type":"text","text":"_meta and _signet"}]}`, false},
		{"a failure", `"result":{"isError":true,"content":[{"type":"text","text":"additional properties"}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, key := range []string{"", "com.example/receipt", NoMetaKey} {
				s := newScene(t, func(o *Options) { o.MetaKey = key })
				for range 3 {
					s.play(`> {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}`, `< {"jsonrpc":"2.0","id":1,`+c.response+`}`)
				}
				s.end()
				want := 0
				if c.advice && key != NoMetaKey && (key == "" || c.name != "as a result") {
					want = 1
				}
				if n := strings.Count(s.told(), "--meta-key none"); n != want {
					t.Errorf("key %q: %d lines of advice, want %d: %s", key, n, want, s.told())
				}
			}
		})
	}
}
