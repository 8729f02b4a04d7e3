//go:build unix

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples: each file of examples/ runs as it is, and leaves a log that verifies,
// with the call in it. Its npx is one that takes what the tests have installed.
func TestExamples(t *testing.T) {
	server := node(t, module("@modelcontextprotocol/server-memory/dist/index.js"))
	tools := t.TempDir()
	npx := "#!/bin/sh\nexec '" + strings.Join(server, "' '") + "'\n"
	if err := os.WriteFile(filepath.Join(tools, "npx"), []byte(npx), 0o755); err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs(filepath.Join("node", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	for file, with := range map[string]string{"sdk.mjs": "node", "langchain.mjs": "node", "vercel.mjs": "node", "stdlib.py": "python3", "by-hand.sh": "sh"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(with)
			if err != nil {
				missing(t, "%v", err)
			}
			h, dir := quietHome(t), t.TempDir()
			text, err := os.ReadFile(filepath.Join("..", "examples", file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), text, 0o600)
			}
			if err == nil {
				err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
			}
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Join([]string{tools, filepath.Dir(binary(t)), os.Getenv("PATH")}, string(os.PathListSeparator))
			run := func(argv ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+h.dir, "SIGNET_HOME=", "PATH="+path)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%q: %v\n%s", argv, err, out)
				}
				return string(out)
			}
			if file == "by-hand.sh" {
				run(binary(t), "identity", "generate", "--name", "default", "--unencrypted")
			}
			said := run(program, file)
			if with != "sh" && !strings.Contains(said, "entities") {
				t.Errorf("the server's response is not in\n%s", said)
			}
			run(binary(t), "verify", "--chain")
			audit := []string{binary(t), "audit"}
			if file != "by-hand.sh" { // which has no session, so that nothing says which way
				audit = append(audit, "--via", "wrap")
			}
			if list := run(audit...); !strings.Contains(list, "read_graph") || !strings.Contains(list, "memory") {
				t.Errorf("audit does not list the call:\n%s", list)
			}
		})
	}
}
