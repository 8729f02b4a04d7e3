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
