package install

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A System is what paths depend on.
type System struct {
	OS     string // as runtime.GOOS
	Home   string // the person's home directory, absolute
	Getenv func(string) string
}

// A File is a configuration file of a client.
type File struct {
	Client  *Client
	Path    string
	Managed bool // an administrator's
	Project bool // in the directory of a project, which others may work on
}

// Find lists the files of the clients on this system, in the table's order, and
// after them those in the directories of projects. A file that two paths lead to
// is listed once, and so is one that two clients read: for the first of them. Of
// the clients named in only, if there are any, and no others.
func (s System) Find(projects []string, only ...string) []File {
	var found []File
	seen := make(map[string]bool)
	add := func(f File, paths []string) {
		for _, p := range paths {
			real, err := filepath.EvalSymlinks(p)
			if st, serr := os.Stat(p); err != nil || serr != nil || st.IsDir() || seen[real] {
				continue
			}
			seen[real] = true
			f.Path = p
			found = append(found, f)
		}
	}
	var wanted []*Client
	for i := range Clients {
		if c := &Clients[i]; len(only) == 0 || slices.Contains(only, c.Name) {
			wanted = append(wanted, c)
		}
	}
	for _, c := range wanted {
		for _, t := range c.Files {
			add(File{Client: c}, s.expand(t))
		}
		for _, t := range c.Managed {
			add(File{Client: c, Managed: true}, s.expand(t))
		}
	}
	for _, dir := range projects {
		for _, c := range wanted {
			for _, t := range c.Project {
				add(File{Client: c, Project: true}, glob(dir, t))
			}
		}
	}
	return found
}

// Projects are the directories in which clients that were started in dir look for
// the files of a project: dir, and those above it up to the one that a repository
// begins with. Without a repository, up to the user's home directory, whose files
// belong to no project, or the top. A directory of another user, and one in which
// everybody may make files, end it: what is planted there is nobody's project.
func (s System) Projects(dir string) []string {
	dirs := []string{dir}
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil { // a file in a worktree
			return dirs
		}
		up := filepath.Dir(dir)
		st, err := os.Stat(up)
		if err != nil || up == dir || dir == s.Home || up == s.Home || !durable.IsOurs(st) || st.Mode()&fs.ModeSticky != 0 {
			return dirs
		}
		dir = up
		dirs = append(dirs, dir)
	}
}

// Extensions are the names of what the client has for extensions.
func (s System) Extensions(c *Client) []string {
	var names []string
	if c.Extensions != "" {
		for _, p := range s.expand(c.Extensions) {
			names = append(names, filepath.Base(p))
		}
	}
	return names
}

// expand gives the paths that a template means on this system.
func (s System) expand(template string) []string {
	if system, rest, ok := strings.Cut(template, ":"); ok && !strings.ContainsAny(system, "/~$") && len(system) > 1 {
		if system != s.OS {
			return nil
		}
		template = rest
	}
	first, rest, _ := strings.Cut(template, "/")
	base := first + "/"
	if first == "~" || strings.HasPrefix(first, "$") {
		base = s.variable(first)
	}
	return glob(base, rest)
}

func (s System) variable(name string) string {
	switch name {
	case "~":
		return s.Home
	case "$CLAUDE_SETTINGS": // of two directories by default, and of one with the variable
		if v := s.Getenv("CLAUDE_CONFIG_DIR"); filepath.IsAbs(v) {
			return v
		}
	case "$CONFIG":
		switch s.OS {
		case "windows":
			name = "$APPDATA"
		case "darwin", "ios":
			return filepath.Join(s.Home, "Library", "Application Support")
		default:
			name = "$XDG_CONFIG_HOME"
		}
	}
	if v := s.Getenv(name[1:]); filepath.IsAbs(v) {
		return v
	}
	first, rest, _ := strings.Cut(variables[name], "/")
	if first == "~" {
		first = s.Home
	}
	return filepath.Join(first+string(filepath.Separator), rest)
}

// glob looks for what the template names below base, in which "*" is a star.
func glob(base, template string) []string {
	if !strings.Contains(template, "*") {
		return []string{filepath.Join(base, filepath.FromSlash(template))}
	}
	names, _ := fs.Glob(os.DirFS(base), path.Clean(template)) // a bad pattern, the only error, would be ours
	for i, n := range names {
		names[i] = filepath.Join(base, filepath.FromSlash(n))
	}
	return names
}
