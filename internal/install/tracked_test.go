package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTracked(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	top := t.TempDir()
	t.Setenv("HOME", top)
	repo := filepath.Join(top, "repo")
	for _, name := range []string{"repo/.mcp.json", "repo/a/.mcp.json", "out.json"} {
		put(t, filepath.Join(top, name), small)
	}
	// What a repository says may run a program; looking at its files must not.
	put(t, filepath.Join(top, "hook"), "#!/bin/sh\ntouch \"$HOME/ran\"\n")
	if err := os.Chmod(filepath.Join(top, "hook"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "a/.mcp.json"}, {"config", "core.fsmonitor", filepath.Join(top, "hook")}} {
		git := exec.Command("git", args...)
		git.Dir = repo
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Symlink(filepath.Join(repo, "a/.mcp.json"), filepath.Join(top, "link.json")); err != nil {
		t.Log(err) // Windows
		put(t, filepath.Join(top, "link.json"), small)
	}
	for name, want := range map[string]bool{
		"repo/.mcp.json": false, "repo/a/.mcp.json": true, "out.json": false,
		"link.json": isLink(filepath.Join(top, "link.json")),
	} {
		if got := open(t, filepath.Join(top, name)).Tracked(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(top, "ran")); err == nil {
		t.Error("the repository's program ran")
	}
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git reads no repository then
	for name, want := range map[string]bool{"repo/.mcp.json": true, "out.json": false} {
		if got := open(t, filepath.Join(top, name)).Tracked(); got != want {
			t.Errorf("of another user, %s: %v, want %v", name, got, want)
		}
	}
	t.Setenv("PATH", "")
	if open(t, filepath.Join(repo, "a/.mcp.json")).Tracked() {
		t.Error("tracked without git")
	}
}
