package integration

import (
	"os"
	"os/exec"
	"testing"
)

// What else the wrapper does and does not do before, beside and after a
// session; the rules of the process code are in rules_unix_test.go.

// TestProbeLeavesNothing: clients start servers to ask what they are, and
// throw them away. That makes nothing, neither in the home nor where they
// stand, and says nothing.
func TestProbeLeavesNothing(t *testing.T) {
	for _, lines := range [][]string{
		{},
		{`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`,
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
		{`{"jsonrpc":"2.0","id":0,"method":"server/discover","params":{}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
	} {
		home, here := t.TempDir(), t.TempDir()
		p := start(t, home, wrapped.argv(t, nil, fake(t, "reply")...), func(c *exec.Cmd) { c.Dir = here })
		for _, l := range lines {
			p.send(l + "\n")
			if idOf([]byte(l)) != nil {
				p.line()
			}
		}
		p.finish()
		for _, dir := range []string{home, here} {
			if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
				t.Errorf("%d messages: made %v, %v", len(lines), made, err)
			}
		}
		if said := p.stderr(); said != "" {
			t.Errorf("%d messages: said %q", len(lines), said)
		}
	}
}
