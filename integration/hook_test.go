package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHook: the exit statuses of `hook`, by which a client runs a tool or not.
func TestHook(t *testing.T) {
	document := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "internal", "hook", "testdata", "claude-code", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before, after := document("03-PreToolUse.json"), document("04-PostToolUse.json")
	h := newHome(t)
	args := []string{"hook", "--client", "claude-code", "--system-log=off"}
	with := func(more ...string) []string { return append(append([]string{}, args...), more...) }
	h.signet(t, 2, before[:100], args...)
	h.signet(t, 2, nil, args...)
	if _, err := os.Stat(h.audit()); err == nil {
		t.Error("there is a log")
	}
	h.signet(t, 0, before, args...)
	h.signet(t, 0, after, args...)
	h.signet(t, 0, document("16-SessionEnd.json"), args...)
	if got := h.signet(t, 0, nil, "audit", "--json"); !strings.Contains(got, `"claude-code://local"`) || !strings.Contains(got, `"executed"`) {
		t.Errorf("%s", got)
	}
	h.signet(t, 0, nil, "verify", "--chain")
	for _, wrong := range [][]string{{"hook"}, {"hook", "--client", "vim"}, {"hook", "--client"}, with("--meta-key", "x"), with("--bad"), with("word"), with("--key", "../x")} {
		h.signet(t, 2, before, wrong...)
	}
	// A key that is not there: the tool must not run, and that it ran is no reason to
	// block.
	h.signet(t, 2, before, with("--key", "other")...)
	h.signet(t, 1, after, with("--key", "other")...)
	if got := len(h.records(t)); got != 1 {
		t.Errorf("%d calls", got)
	}

	// What a wrapper records is not recorded again, and only that.
	mcp := []byte(strings.Replace(string(before), `"Bash"`, `"mcp__my_files__read"`, 1))
	settings := filepath.Join(h.dir, ".claude.json")
	for config, more := range map[string]int{
		`{"mcpServers":{"my files":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                                                            0,
		`{"mcpServers":{"my files":{"command":"/x/signet-wrap","args":["--home","/elsewhere","--","npx"]}}}`:                                      1,
		`{"mcpServers":{"my files":{"command":"npx"},"my-files":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                               1,
		`{"mcpServers":{"my_files":{"command":"npx"},"my files":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                               1,
		`{"mcpServers":{"other":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                                                               1,
		`{"mcpServers":{"my files":{"command":"/x/signet-wrap","args":["--","npx"]}}`:                                                             1,
		`{"mcpServers":{},"projects":{"/p":{"mcpServers":{"my files":{"command":"/x/signet-wrap","args":["--key","default","--","npx","-y"]}}}}}`: 0,
	} {
		if err := os.WriteFile(settings, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		had := len(h.records(t))
		h.signet(t, 0, mcp, args...)
		if got := len(h.records(t)) - had; got != more {
			t.Errorf("%s: %d more calls, want %d", config, got, more)
		}
	}
}
