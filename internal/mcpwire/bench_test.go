package mcpwire

import (
	"io"
	"strings"
	"testing"
)

// benchCall is a call as the TypeScript SDK sends it, 310 bytes.
const benchCall = `{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"/home/someone/projects/thing/README.md","head":100,"options":{"encoding":"utf-8","follow":true}},"_meta":{"progressToken":17,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}` + "\n"

// benchLines are calls, and messages that are none, of some sizes.
func benchLines() map[string][]byte {
	lines := map[string][]byte{}
	for size, n := range map[string]int{"300B": 0, "10KB": 10_000, "1MB": 1_000_000} {
		call := strings.Replace(benchCall, "README.md", "README.md"+strings.Repeat(`lorem ipsum dolor\n`, n/19), 1)
		lines["call/"+size] = []byte(call)
		lines["other/"+size] = []byte(strings.Replace(call, "tools/call", "prompts/get", 1))
	}
	lines["other/escape"] = []byte(strings.Replace(string(lines["other/300B"]), "README", `REA\nDME`, 1))
	lines["other/words"] = []byte(strings.Replace(string(lines["other/300B"]), "README", `tools/call`, 1))
	return lines
}

func BenchmarkGate(b *testing.B) {
	for name, line := range benchLines() {
		b.Run(name, func(b *testing.B) {
			g := NewGate("_signet")
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				g.Judge(line)
			}
		})
	}
}

func BenchmarkSplice(b *testing.B) {
	receipt := [][]byte{[]byte(strings.Repeat("r", 700))}
	for _, name := range []string{"call/300B", "call/10KB", "call/1MB"} {
		line := benchLines()[name]
		b.Run(name, func(b *testing.B) {
			v := NewGate("_signet").Judge(line)
			b.ReportAllocs()
			for b.Loop() {
				Splice(io.Discard, asLine(line), v.Calls, receipt)
			}
		})
	}
}

// BenchmarkResponses is what reading a result costs, which the client has by then.
func BenchmarkResponses(b *testing.B) {
	text := strings.Repeat(`lorem ipsum dolor\n`, 60_000)
	numbers := strings.Repeat(`{"x":12.5,"y":[1,2,3]},`, 45_000)
	for _, c := range []struct{ name, content string }{
		{"200B", text[:114]}, {"10KB", text[:9_975]}, {"100KB", text[:100_016]}, {"1MB", text[:1_000_008]}, {"numbers/1MB", ""},
	} {
		content := `[{"type":"text","text":"` + c.content + `"}]`
		if c.content == "" {
			content = "[" + numbers[:len(numbers)-1] + "]"
		}
		message := []byte(`{"jsonrpc":"2.0","id":17,"result":{"content":` + content + `}}` + "\n")
		b.Run(c.name, func(b *testing.B) {
			var found []Response
			r := readerInto(&found)
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				found = found[:0]
				for rest := message; len(rest) > 0; {
					n := min(len(rest), ReadSize)
					r.Feed(rest[:n])
					rest = rest[n:]
				}
			}
			if len(found) != 1 {
				b.Fatal(len(found))
			}
		})
	}
}
