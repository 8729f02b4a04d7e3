//go:build unix

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// examples are the files of examples/, in a directory with what they need.
type examples struct {
	t    *testing.T
	home home
	dir  string
	env  []string
}

// newExamples has an npx that takes what the tests have installed.
func newExamples(t *testing.T) *examples {
	t.Helper()
	server := node(t, module("@modelcontextprotocol/server-memory/dist/index.js"))
	tools, x := t.TempDir(), &examples{t: t, home: quietHome(t), dir: t.TempDir()}
	npx := "#!/bin/sh\nexec '" + strings.Join(server, "' '") + "'\n"
	if err := os.WriteFile(filepath.Join(tools, "npx"), []byte(npx), 0o755); err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs(filepath.Join("node", "node_modules"))
	if err == nil {
		err = os.Symlink(modules, filepath.Join(x.dir, "node_modules"))
	}
	if err == nil {
		err = os.CopyFS(x.dir, os.DirFS(filepath.Join("..", "examples")))
	}
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{tools, filepath.Dir(binary(t)), os.Getenv("PATH")}, string(os.PathListSeparator))
	x.env = append(os.Environ(), "HOME="+x.home.dir, "SIGNET_HOME=", "PATH="+path)
	return x
}

// run runs a program in the directory, and returns what it said.
func (x *examples) run(argv ...string) string {
	x.t.Helper()
	program, err := exec.LookPath(argv[0])
	if err != nil {
		missing(x.t, "%v", err)
	}
	cmd := exec.CommandContext(x.t.Context(), program, argv[1:]...)
	cmd.Dir, cmd.Env = x.dir, x.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

// TestExamples: each file of examples/ runs as it is, and leaves a log that verifies,
// with the call in it.
func TestExamples(t *testing.T) {
	for file, with := range map[string]string{"sdk.mjs": "node", "langchain.mjs": "node", "vercel.mjs": "node", "stdlib.py": "python3", "by-hand.sh": "sh"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			x := newExamples(t)
			if file == "by-hand.sh" {
				x.run(binary(t), "identity", "generate", "--name", "default", "--unencrypted")
			}
			said := x.run(with, file)
			if with != "sh" && !strings.Contains(said, "entities") {
				t.Errorf("the server's response is not in\n%s", said)
			}
			x.run(binary(t), "verify", "--chain")
			audit := []string{binary(t), "audit"}
			if file != "by-hand.sh" { // which has no session, so that nothing says which way
				audit = append(audit, "--via", "wrap")
			}
			if list := x.run(audit...); !strings.Contains(list, "read_graph") || !strings.Contains(list, "memory") {
				t.Errorf("audit does not list the call:\n%s", list)
			}
		})
	}
}

// TestFourWays: a wrapper, a check, a program that signs by itself and a client's hooks,
// as examples/ has them, write one log. It verifies, and audit shows which way each call
// came.
func TestFourWays(t *testing.T) {
	t.Parallel()
	x := newExamples(t)
	x.run("node", "sdk.mjs")
	x.run("node", "check.mjs")
	x.run("sh", "hook.sh")
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // they are in the other HOME
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		x.env = append(x.env, name+"="+strings.TrimSpace(string(value)))
	}
	x.run("go", "-C", root, "run", filepath.Join("examples", "mcpgo.go"))

	x.run(binary(t), "verify", "--chain")
	var got []string
	for line := range strings.Lines(x.run(binary(t), "audit", "--json")) {
		var call struct{ Kind, Tool, Via, Outcome string }
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if call.Kind == "call" {
			got = append(got, strings.Join([]string{call.Via, call.Tool, call.Outcome}, " "))
		}
	}
	want := []string{"wrap read_graph executed", "wrap read_graph executed", "check read_graph executed", "hook Bash executed", "sdk read_graph executed"}
	if !slices.Equal(got, want) {
		t.Errorf("audit has\n%q, want\n%q", got, want)
	}
	table := x.run(binary(t), "audit", "--columns", "tool,outcome,via")
	for _, via := range []string{"wrap", "check", "sdk", "hook"} {
		if !strings.Contains(table, via+"\n") {
			t.Errorf("no %s in\n%s", via, table)
		}
	}
}
