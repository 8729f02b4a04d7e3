package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	mcp := func(tool string) []byte { return []byte(strings.Replace(string(before), `"Bash"`, `"`+tool+`"`, 1)) }
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
		h.signet(t, 0, mcp("mcp__my_files__read"), args...)
		if got := len(h.records(t)) - had; got != more {
			t.Errorf("%s: %d more calls, want %d", config, got, more)
		}
	}
	// Names can have "__" in them: each server that it may be has to be wrapped.
	for config, more := range map[string]int{
		`{"mcpServers":{"a":{"command":"/x/signet-wrap","args":["--","npx"]},"a__b":{"command":"npx"}}}`:                                  1,
		`{"mcpServers":{"a":{"command":"npx"},"a__b":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                                  1,
		`{"mcpServers":{"a__b":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                                                        0,
		`{"mcpServers":{"a__b_":{"command":"npx"},"a":{"command":"/x/signet-wrap","args":["--","npx"]}}}`:                                 1,
		`{"mcpServers":{"a":{"command":"/x/signet-wrap","args":["--","npx"]},"c":{"command":"npx"}}}`:                                     0,
		`{"mcpServers":{"a":{"command":"/x/signet-wrap","args":["--","npx"],"env":{"HOME":"/elsewhere","USERPROFILE":"C:\\elsewhere"}}}}`: 1,
	} {
		if err := os.WriteFile(settings, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		had := len(h.records(t))
		h.signet(t, 0, mcp("mcp__a__b___read"), args...)
		if got := len(h.records(t)) - had; got != more {
			t.Errorf("%s: %d more calls, want %d", config, got, more)
		}
	}
}

// TestInstallHooks: hooks that install wrote are what a shell runs, and go again to the
// byte. The command blocks the tool if the program is gone.
func TestInstallHooks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("clients there run hooks by other shells")
	}
	document, err := os.ReadFile(filepath.Join("..", "internal", "hook", "testdata", "claude-code", "03-PreToolUse.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	settings := filepath.Join(h.dir, ".claude", "settings.json")
	old := []byte("{\n  \"model\": \"opus\",\n  \"hooks\": {\"Stop\": []}\n}\n")
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, old, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(h.dir, "my bin", "signet-wrap")
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(binary(t), program); err != nil {
		t.Fatal(err)
	}
	run := func(status int, stdin []byte, command string, args ...string) string {
		t.Helper()
		cmd := exec.Command(command, args...)
		cmd.Env, cmd.Stdin = scrubbed(h.dir), bytes.NewReader(stdin)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("%s %q: exit status %d, want %d\n%s", command, args, got, status, out)
		}
		return string(out)
	}
	run(0, nil, program, "install", "--hooks", "--all", "--dry-run")
	if got, _ := os.ReadFile(settings); !bytes.Equal(got, old) {
		t.Fatalf("--dry-run: %s", got)
	}
	run(0, nil, program, "install", "--hooks", "--all")
	if got := run(0, nil, program, "status", "--json"); !strings.Contains(got, `"state":"hooked"`) || strings.Contains(got, "codex") {
		t.Errorf("%s", got)
	}
	config, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Hooks map[string][]struct{ Hooks []struct{ Command string } }
	}
	if err := json.Unmarshal(config, &read); err != nil {
		t.Fatal(err)
	}
	command := read.Hooks["PreToolUse"][0].Hooks[0].Command
	run(0, document, "/bin/sh", "-c", command)
	if got := len(h.records(t)); got != 1 {
		t.Errorf("%d calls", got)
	}
	project := filepath.Join(h.dir, "project")
	if err := os.MkdirAll(filepath.Join(project, ".claude"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, ".claude", "settings.local.json"), []byte(`{"disableAllHooks":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"status", "doctor"} {
		if got := run(1, nil, "/bin/sh", "-c", `cd "$1" && exec "$2" "$3"`, "sh", project, program, verb); !strings.Contains(got, `"disableAllHooks" in`) {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if err := os.Rename(program, program+".gone"); err != nil {
		t.Fatal(err)
	}
	run(2, document, "/bin/sh", "-c", command)
	if got := run(1, nil, program+".gone", "status"); !strings.Contains(got, "cannot be executed, so no tool runs") {
		t.Errorf("%s", got)
	}
	if err := os.Rename(program+".gone", program); err != nil {
		t.Fatal(err)
	}
	run(0, nil, program, "uninstall", "--all")
	if got, _ := os.ReadFile(settings); !bytes.Equal(got, old) {
		t.Errorf("%s", got)
	}
	if got := run(0, nil, program, "status", "--json"); strings.Contains(got, "hooked") {
		t.Errorf("%s", got)
	}
	// One that is not there is made, and goes with its hooks.
	hooks := filepath.Join(h.dir, ".codex", "hooks.json")
	if got := run(0, nil, program, "install", "--hooks", "--client", "codex"); !strings.Contains(got, "/hooks") {
		t.Errorf("%s", got)
	}
	if err := os.WriteFile(settings, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(1, nil, program, "install", "--hooks", "--client", "claude-code")
	run(0, nil, program, "uninstall", "--hooks", "--client", "codex")
	if _, err := os.Stat(hooks); err == nil {
		t.Error("there is a file")
	}
	run(2, nil, program, "install", "--hooks", "--client", "cursor")
	run(2, nil, program, "install", "--hooks", "--all", "--server", "x")
}
