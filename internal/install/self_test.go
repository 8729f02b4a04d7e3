package install

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnversioned(t *testing.T) {
	for p, want := range map[string]string{
		"/opt/homebrew/Cellar/signet-wrap/1.2.0/bin/signet-wrap":          "/opt/homebrew/bin/signet-wrap",
		"/home/me/.asdf/installs/signet-wrap/1.2.0/bin/signet-wrap":       "/home/me/.asdf/shims/signet-wrap",
		"/home/me/.local/share/mise/installs/signet-wrap/1.2/signet-wrap": "/home/me/.local/share/mise/shims/signet-wrap",
		"/nix/store/abc-signet-wrap-1.2.0/bin/signet-wrap":                "",
		"/tmp/go-build123/b001/exe/signet-wrap":                           "",
		"/usr/local/bin/signet-wrap":                                      "/usr/local/bin/signet-wrap",
	} {
		got := ""
		if u := unversioned(p); len(u) == 1 {
			got = u[0]
		} else if !passing(p) {
			got = p
		}
		if got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// A configuration does not name what npx and a project keep for a while, and may name
// what npm keeps for all projects.
func TestPassingNodeModules(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "project/package.json"), "{}")
	put(t, filepath.Join(dir, "cache/4f1c/package.json"), "{}")
	put(t, filepath.Join(dir, "lib/node_modules/signet-wrap/package.json"), "{}")
	const program = "/node_modules/@signet-wrap/linux-x64/bin/signet-wrap"
	for p, want := range map[string]bool{
		"project" + program:                        true,
		"cache/4f1c" + program:                     true, // bunx, pnpm dlx
		"_npx/4f1c" + program:                      true,
		"global/.pnpm/signet-wrap@1.2.3" + program: true,
		"lib/node_modules/signet-wrap" + program:   false,
		"AppData/Roaming/npm" + program:            false,
		"project/tools/signet-wrap":                false,
	} {
		if got := passing(filepath.Join(dir, p)); got != want {
			t.Errorf("%s: passing is %v, want %v", p, got, want)
		}
	}
}

// The test itself runs, under whatever name.
func TestProcesses(t *testing.T) {
	if name := filepath.Base(os.Args[0]); !processes()[name] {
		t.Errorf("%s is not among %v", name, processes())
	}
}
