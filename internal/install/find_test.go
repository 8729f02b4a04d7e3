package install

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Where each system has the clients' files, written out in full: what the
// table's templates must come to.
func TestFind(t *testing.T) {
	everywhere := []string{
		".claude.json", ".cursor/mcp.json", ".copilot/mcp-config.json", ".codex/config.toml", ".gemini/settings.json",
		".codeium/windsurf/mcp_config.json", ".cline/data/settings/cline_mcp_settings.json", ".lmstudio/mcp.json",
		".kiro/settings/mcp.json", ".junie/mcp/mcp.json", ".config/opencode/opencode.json", ".config/opencode/opencode.jsonc",
		".gemini/config/mcp_config.json", ".gemini/antigravity/mcp_config.json", ".qwen/settings.json",
		".ai/mcp/mcp.json", ".config/kilo/kilo.jsonc", ".kilocode/cli/global/settings/mcp_settings.json",
		".aws/amazonq/mcp.json", ".aws/amazonq/default.json", ".aws/amazonq/agents/default.json", ".aws/amazonq/cli-agents/mine.json",
		".vscode-server/data/User/mcp.json", ".vscode-remote/data/User/mcp.json", ".vscode-server-insiders/data/User/mcp.json",
		".vscode-server/data/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
		".factory/mcp.json", ".warp/.mcp.json", ".config/amp/settings.json", ".continue/config.yaml", ".continue/mcpServers/a.yaml",
	}
	application := []string{
		"Claude/claude_desktop_config.json", "Code/User/mcp.json", "Code/User/profiles/-1a2b/mcp.json",
		"Code - Insiders/User/mcp.json", "VSCodium/User/mcp.json",
		"Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
		"Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
		"Cursor/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
		"VSCodium/User/globalStorage/kilocode.kilo-code/settings/mcp_settings.json",
	}
	for _, c := range []struct {
		system, applications string
		more                 []string
	}{
		{"linux", ".config", []string{".config/zed/settings.json", ".config/goose/config.yaml",
			".config/crush/crush.json", ".config/github-copilot/intellij/mcp.json"}},
		{"darwin", "Library/Application Support", []string{".config/zed/settings.json", ".config/goose/config.yaml",
			".config/crush/crush.json", ".config/github-copilot/intellij/mcp.json"}},
		{"windows", "AppData/Roaming", []string{"AppData/Roaming/Zed/settings.json", "AppData/Roaming/Block/goose/config/config.yaml",
			"AppData/Local/crush/crush.json", "AppData/Local/github-copilot/intellij/mcp.json",
			"AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"}},
	} {
		t.Run(c.system, func(t *testing.T) {
			home := t.TempDir()
			want := slices.Concat(everywhere, c.more)
			for _, a := range application {
				want = append(want, c.applications+"/"+a)
			}
			for _, name := range want {
				put(t, filepath.Join(home, name), "{}")
			}
			// what the others have
			for _, name := range []string{"AppData/Roaming/Claude/x.json", "Library/Zed/settings.json", ".config/Claude/other.json"} {
				put(t, filepath.Join(home, name), "{}")
			}
			s := System{OS: c.system, Home: home, Getenv: func(string) string { return "" }}
			var got []string
			for _, f := range s.Find(nil) {
				if name, ok := strings.CutPrefix(f.Path, home+string(filepath.Separator)); ok {
					got = append(got, filepath.ToSlash(name))
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("found %q\nwant  %q", got, want)
			}
		})
	}
}

// Every row can be found by its templates, and by its name.
func TestClients(t *testing.T) {
	names := make(map[string]bool)
	for _, c := range Clients {
		if names[c.Name] || c.Label == "" || len(c.Pointers) == 0 || len(c.Files) == 0 {
			t.Errorf("%q is not a whole row", c.Name)
		}
		names[c.Name] = true
		for _, f := range slices.Concat(c.Files, c.Managed) {
			first, _, _ := strings.Cut(f, "/")
			v := first[strings.LastIndexByte(first, ':')+1:]
			if strings.HasPrefix(v, "$") && v != "$CONFIG" && variables[v] == "" {
				t.Errorf("%s: %s has no fallback", c.Name, v)
			}
		}
	}
}

func TestFindByEnvironment(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	put(t, filepath.Join(xdg, "opencode/opencode.json"), "{}")
	put(t, filepath.Join(xdg, "codex/config.toml"), "")
	put(t, filepath.Join(home, "work/.mcp.json"), "{}")
	put(t, filepath.Join(home, "work/.vscode/mcp.json"), "{}")
	env := map[string]string{"XDG_CONFIG_HOME": xdg, "CODEX_HOME": filepath.Join(xdg, "codex"), "CLAUDE_CONFIG_DIR": "relative"}
	s := System{OS: "linux", Home: home, Getenv: func(name string) string { return env[name] }}
	var got []string
	for _, f := range s.Find([]string{filepath.Join(home, "work")}) {
		got = append(got, f.Client.Name)
	}
	if want := []string{"codex", "opencode", "claude-code", "vscode"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// One file under two names is one file.
func TestFindOnce(t *testing.T) {
	home := t.TempDir()
	put(t, filepath.Join(home, ".config/opencode/opencode.json"), "{}")
	if err := os.Symlink("opencode.json", filepath.Join(home, ".config/opencode/opencode.jsonc")); err != nil {
		t.Fatal(err)
	}
	s := System{OS: "linux", Home: home, Getenv: func(string) string { return "" }}
	if got := s.Find(nil); len(got) != 1 {
		t.Errorf("found %d", len(got))
	}
}

// Of files that several clients read, each is listed once; --client decides for whom.
func TestFindShared(t *testing.T) {
	project := t.TempDir()
	for _, name := range []string{".mcp.json", ".github/mcp.json"} {
		put(t, filepath.Join(project, name), "{}")
	}
	s := System{OS: "linux", Home: t.TempDir(), Getenv: func(string) string { return "" }}
	for only, want := range map[string]string{"": "claude-code copilot-cli ", "copilot-cli": "copilot-cli copilot-cli ", "gemini": ""} {
		got := ""
		for _, f := range s.Find([]string{project}, strings.Fields(only)...) {
			got += f.Client.Name + " "
			if !f.Project {
				t.Errorf("%s is of a project", f.Path)
			}
		}
		if got != want {
			t.Errorf("only %q: found for %q, want %q", only, got, want)
		}
	}
}

// A project begins where its repository does, and else below the home directory.
func TestProjects(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"home/repo/.git/HEAD", "home/repo/a/b/x", "home/plain/a/x", "home/tree/.git", "home/tree/a/x", "else/sticky/a/b/x"} {
		put(t, filepath.Join(top, name), "")
	}
	if err := os.Chmod(filepath.Join(top, "else/sticky"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	s := System{Home: filepath.Join(top, "home")}
	for dir, want := range map[string]string{
		"home/repo/a/b":   "home/repo/a/b home/repo/a home/repo",
		"home/repo":       "home/repo",
		"home/tree/a":     "home/tree/a home/tree",
		"home/plain/a":    "home/plain/a home/plain",
		"home":            "home",
		"else/sticky/a/b": "else/sticky/a/b else/sticky/a",
	} {
		if runtime.GOOS == "windows" && strings.HasPrefix(dir, "else") {
			continue
		}
		var got []string
		for _, d := range s.Projects(filepath.Join(top, dir)) {
			rel, err := filepath.Rel(top, d)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(rel))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("from %s: %q, want %q", dir, got, want)
		}
	}
}

// What an administrator has set, and extensions, are seen and left alone.
func TestManaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "managed.json")
	put(t, path, `{"mcpServers":{"a":{"command":"x"},"b":{"url":"y"}}}`)
	c := File{Client: clientOf(t, "claude-code"), Path: path, Managed: true}.Open()
	if c.Err != nil || len(c.Doc.Entries) != 2 {
		t.Fatal(c.Err)
	}
	for _, e := range c.Doc.Entries {
		if !strings.Contains(e.Reason, "administrator") {
			t.Errorf("%s: %q", e.Name, e.Reason)
		}
	}
	home := t.TempDir()
	put(t, filepath.Join(home, ".config/Claude/Claude Extensions/ant.dir.files/manifest.json"), "{}")
	s := System{OS: "linux", Home: home, Getenv: func(string) string { return "" }}
	if got := s.Extensions(clientOf(t, "claude-desktop")); !slices.Equal(got, []string{"ant.dir.files"}) {
		t.Errorf("extensions %q", got)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
