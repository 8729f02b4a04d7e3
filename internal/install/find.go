package install

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
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
}

// Find lists the files that the clients have on this system, in the table's
// order; of the files of a project (a directory, "" for none) those in it, too. A
// file that two paths lead to is listed once.
func (s System) Find(project string) []File {
	var found []File
	seen := make(map[string]bool)
	add := func(c *Client, paths []string, managed bool) {
		for _, p := range paths {
			real, err := filepath.EvalSymlinks(p)
			if st, serr := os.Stat(p); err != nil || serr != nil || st.IsDir() || seen[c.Name+"\x00"+real] {
				continue
			}
			seen[c.Name+"\x00"+real] = true
			found = append(found, File{c, p, managed})
		}
	}
	for i := range Clients {
		c := &Clients[i]
		for _, t := range c.Files {
			add(c, s.expand(t), false)
		}
		for _, t := range c.Managed {
			add(c, s.expand(t), true)
		}
		if project != "" {
			for _, t := range c.Project {
				add(c, glob(project, t), false)
			}
		}
	}
	return found
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

// expand gives the paths that a template stands for on this system.
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
