package mcpwire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestAssumedOfServers shows what the gate takes for granted: servers read
// UTF-8, and whole lines. Each line here passes, as none of its readings as UTF-8
// is a call, and is one for a server that reads otherwise. docs/SECURITY.md says
// so.
func TestAssumedOfServers(t *testing.T) {
	const fixed = 64 // bytes of a reader's buffer
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}`
	opening := `{"jsonrpc":"2.0","id":1,"method":"ping","params":[`
	for _, c := range []struct {
		reader string
		line   string
		read   func(line []byte) []byte // as that server's JSON parser gets it
	}{
		{
			"7-bit ASCII", strings.Replace(call, "tools", "\xf4ools", 1),
			func(line []byte) []byte {
				for i := range line {
					line[i] &= 0x7f
				}
				return line
			},
		},
		{
			"UTF-7", strings.Replace(call, "tools", "+AHQ-ools", 1),
			func(line []byte) []byte { return bytes.ReplaceAll(line, []byte("+AHQ-"), []byte("t")) },
		},
		{
			"a buffer of fixed size", opening + strings.Repeat(" ", fixed-len(opening)) + call + "]}",
			func(line []byte) []byte { return line[fixed : len(line)-len("]}")] },
		},
	} {
		if v := NewGate("_signet").Judge([]byte(c.line)); v.Refusal != nil || len(v.Calls) > 0 {
			t.Errorf("%s: the gate does not let it pass: %s (does docs/SECURITY.md say too little?)", c.reader, judged([]byte(c.line), v))
		}
		var m struct{ Method string }
		if err := json.Unmarshal(c.read([]byte(c.line)), &m); err != nil || m.Method != "tools/call" {
			t.Errorf("%s: it is no call: %v", c.reader, err)
		}
	}
}
