package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asked reads stderr until it ends in prompt.
func (s *session) asked(t *testing.T, prompt string) {
	t.Helper()
	var seen strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(seen.String(), prompt) {
		if _, err := s.stderr.Read(b); err != nil {
			t.Fatalf("stderr ended, having said %q", seen.String())
		}
		seen.Write(b)
	}
}

// At a terminal install asks, client by client, and only a yes is one.
func TestInstallAsks(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	const content = `{"mcpServers": {"one": {"command": "a"}, "two": {"command": "b", "args": ["c"]}}}`
	file := func(name string) string { return filepath.Join(home, name, "mcp.json") }
	for _, name := range []string{".cursor", ".factory", ".lmstudio"} {
		if err := os.Mkdir(filepath.Join(home, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wrapped := func(name string) bool {
		t.Helper()
		b, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(b), "signet-wrap"); has || string(b) == content {
			return has
		}
		t.Fatalf("%s is neither the old one nor wrapped: %s", name, b)
		return false
	}

	const choice = "? [y,n,a,q,?] "
	cursor := "wrap one, two of Cursor, " + file(".cursor") + choice
	studio := "of LM Studio, " + file(".lmstudio") + choice
	s := start(t, filepath.Join(home, ".signet"), "install")
	for _, vague := range []string{"", "yy", "maybe", "?"} { // each asks again
		s.asked(t, cursor)
		s.answer(t, vague)
	}
	s.asked(t, "q  no, and none that follows\n")
	s.asked(t, cursor)
	s.answer(t, "Yes")
	s.asked(t, studio)
	s.answer(t, "n")
	s.asked(t, "of Factory, "+file(".factory")+choice)
	s.answer(t, "q")
	if status, stderr := s.end(t); status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if !wrapped(".cursor") || wrapped(".lmstudio") || wrapped(".factory") {
		t.Errorf("wrapped: %v, %v, %v", wrapped(".cursor"), wrapped(".lmstudio"), wrapped(".factory"))
	}

	// What follows an "a" is not asked; what follows a "q" neither.
	s = start(t, filepath.Join(home, ".signet"), "install")
	s.asked(t, studio)
	s.answer(t, "a")
	if status, stderr := s.end(t); status != 0 || stderr != "" || !wrapped(".lmstudio") || !wrapped(".factory") {
		t.Errorf("status %d: %s; wrapped: %v, %v", status, stderr, wrapped(".lmstudio"), wrapped(".factory"))
	}
	s = start(t, filepath.Join(home, ".signet"), "uninstall")
	s.asked(t, "unwrap one, two of Cursor, "+file(".cursor")+choice)
	s.answer(t, "y")
	s.asked(t, studio)
	s.answer(t, "q")
	if status, stderr := s.end(t); status != 0 || stderr != "" || wrapped(".cursor") || !wrapped(".lmstudio") || !wrapped(".factory") {
		t.Errorf("status %d: %s; wrapped: %v, %v, %v", status, stderr, wrapped(".cursor"), wrapped(".lmstudio"), wrapped(".factory"))
	}

	// What is wrapped and would be changed is asked for by that word.
	s = start(t, filepath.Join(home, ".signet"), "install", "--meta-key", "x/y")
	s.asked(t, cursor)
	s.answer(t, "n")
	s.asked(t, "change one, two "+studio)
	s.answer(t, "q")
	if status, stderr := s.end(t); status != 0 || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
}
