package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// TestNarrow: on a screen of 80 columns tables and sentences fit, and what
// distinguishes rows is shown. What is to be copied is on one line.
func TestNarrow(t *testing.T) {
	user := t.TempDir()
	for path, text := range map[string]string{
		".cursor/mcp.json":  `{"mcpServers": {"github-enterprise-server": {"command": "/gone/signet-wrap", "args": ["--key", "ci-bot", "--hash-only", "--", "npx"]}, "other": {"command": "npx"}}}`,
		".factory/mcp.json": `{"mcpServers": {"github-enterprise-server": {"command": "npx", "args": ["signet-wrap", "npx"]}}}`,
	} {
		path = filepath.Join(user, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := logOf(t, raw(`{"not":"a receipt"}`))
	owner := strings.Repeat("The whole Department ", 5)
	for _, name := range []string{"one", "two"} {
		if out, err := exec.Command("signet-wrap", "identity", "generate", "--unencrypted", "--name", name, "--owner", owner+name, "--home", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for args, want := range map[string][]string{
		"status":         {"github-enterprise-server", "flags: --hash-only", "`signet-wrap uninstall --all`", "factory", "no \"--\" before the command", "wrapped", "left"},
		"identity list":  {"one", "two", "ed25519:"},
		"doctor":         {"signet-wrap anchor init --witness VKEY@URL --home " + dir, "the log: it shows"},
		"verify --chain": {"not anchored: truncation", "the system's log was not checked"},
	} {
		ours, theirs := pty(t)
		if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
			t.Fatal(err)
		}
		c := startOn(t, ours, theirs, dir, args, true, "HOME="+user, "XDG_CONFIG_HOME=")
		screen, _ := c.rest(t)
		one := strings.Join(strings.Fields(screen), " ")
		for _, w := range want {
			if !strings.Contains(screen, w) && (strings.Contains(w, "`") || !strings.Contains(one, w)) {
				t.Errorf("%s does not show %q on one line:\n%s", args, w, screen)
			}
		}
		for s := bufio.NewScanner(strings.NewReader(screen)); s.Scan(); {
			line := s.Text()[strings.LastIndexByte(s.Text(), '\r')+1:]
			if n := utf8.RuneCountInString(strings.TrimPrefix(line, "\x1b[K")); n > 80 && !strings.Contains(line, dir) && !strings.HasPrefix(line, "head ") {
				t.Errorf("%s has a line of %d columns: %q", args, n, line)
			}
		}
	}
}
