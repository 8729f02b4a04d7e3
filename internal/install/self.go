package install

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Self is the path of this program that will still be right tomorrow: absolute,
// by the name under which it is found, which may be a symbolic link, and not
// the versioned directory the link leads to (Homebrew's Cellar, asdf, mise, nix).
// arg0 is the program's os.Args[0].
func Self(arg0 string) (string, error) {
	exe, err := os.Executable() // on Linux with the links resolved
	if err != nil {
		return "", err
	}
	self, err := os.Stat(exe)
	if err != nil {
		return "", err
	}
	var candidates []string
	for _, name := range []string{arg0, "signet-wrap"} {
		if found, err := exec.LookPath(name); err == nil {
			candidates = append(candidates, found)
		}
	}
	for _, p := range append(candidates, exe) {
		for _, p := range append([]string{p}, unversioned(p)...) {
			p, err := filepath.Abs(p)
			if err != nil || !isWrapper(p) || passing(p) {
				continue
			}
			if st, err := os.Stat(p); err == nil && os.SameFile(st, self) {
				return p, nil
			}
		}
	}
	if !isWrapper(exe) {
		return "", fmt.Errorf("this program is called %q, and unwrapping knows it by the name signet-wrap", filepath.Base(exe))
	}
	return "", errors.New("this program is at " + exe + ", a path that will not last")
}

// unversioned are the places where managers of versions put the names of what
// is at p.
func unversioned(p string) []string {
	p = filepath.ToSlash(p)
	base := p[strings.LastIndexByte(p, '/')+1:]
	var out []string
	for marker, bin := range map[string]string{"/Cellar/": "/bin/", "/.asdf/installs/": "/.asdf/shims/", "/mise/installs/": "/mise/shims/"} {
		if before, _, ok := strings.Cut(p, marker); ok {
			out = append(out, before+bin+base)
		}
	}
	return out
}

func passing(p string) bool {
	p = filepath.ToSlash(p)
	for _, s := range []string{"/Cellar/", "/.asdf/installs/", "/mise/installs/", "/nix/store/", "/go-build", "/_npx/", "/.pnpm/", "/.yarn/"} {
		if strings.Contains(p, s) {
			return true
		}
	}
	// npm's packages for all projects have no package.json above them. A project's
	// have one, and so have those that npx and its like keep for a while.
	if above, _, ok := strings.Cut(p, "/node_modules/"); ok {
		_, err := os.Stat(above + "/package.json")
		return err == nil
	}
	return false
}
