//go:build unix

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCheckPage: the commands of docs/CHECK.md run as they are, in an empty home, and say
// what the page says. Their npx is one that takes what the tests have installed.
func TestCheckPage(t *testing.T) {
	t.Parallel()
	server := node(t, module("@modelcontextprotocol/server-everything/dist/index.js"))
	page, err := os.ReadFile(filepath.Join("..", "docs", "CHECK.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1) {
		script += string(block[1])
	}
	tools, dir := t.TempDir(), t.TempDir()
	npx := "#!/bin/sh\nexec '" + strings.Join(server, "' '") + "'\n"
	if err := os.WriteFile(filepath.Join(tools, "npx"), []byte(npx), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	path := strings.Join([]string{tools, filepath.Dir(binary(t)), os.Getenv("PATH")}, string(os.PathListSeparator))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "SIGNET_HOME=", "PATH="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Echo: hello", "executed  check\n", `"reason":"no_receipt"`, "the other side of 1 call, of which 0 refused"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("not said: %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
