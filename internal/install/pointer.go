package install

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// ParsePointer reads the pointer of --pointer: the name of a member of the
// file, or "/a/b" (RFC 6901) for one within another.
func ParsePointer(s string) (Pointer, error) {
	if s == "" || s == "/" {
		return nil, errors.New("the pointer is empty")
	}
	path, ok := strings.CutPrefix(s, "/")
	if !ok {
		return Pointer{s}, nil
	}
	p := strings.Split(path, "/")
	for i := range p {
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p[i])
	}
	return p, nil
}

// Leads says whether a pointer of the document leads to a table or list of
// servers, be it an empty one. One of other things is none if there are servers
// elsewhere.
func (d *Document) Leads() bool {
	isServer := func(e *Entry) bool { return e.command != nil || e.Remote }
	return d.reached && (len(d.Entries) == 0 || slices.ContainsFunc(d.Entries, isServer) || len(d.Candidates()) == 0)
}

// Candidates are pointers to what looks like servers in the document, as
// ParsePointer reads them.
func (d *Document) Candidates() []string {
	var found []string
	var look func(n *node, path string, depth int)
	look = func(n *node, path string, depth int) {
		isServer := func(v *node) bool {
			return v.get("command") != nil || v.get("cmd") != nil || v.get("url") != nil || v.transport() != nil
		}
		if slices.ContainsFunc(n.members, func(m member) bool { return isServer(m.value) }) || slices.ContainsFunc(n.elems, isServer) {
			if name := path[min(1, len(path)):]; !strings.ContainsAny(name, "/~") {
				path = name
			}
			found = append(found, path)
			return
		}
		for _, m := range n.members {
			if depth < 3 && len(found) < 3 {
				look(m.value, path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(m.name), depth+1)
			}
		}
	}
	look(d.root, "", 0)
	return slices.DeleteFunc(found, func(p string) bool { return p == "" })
}

// ByName makes a file of a client that is not in the table: the name's ending
// tells the format.
func ByName(path string, p Pointer) (File, error) {
	formats := map[string]Format{".json": JSON, ".jsonc": JSON, ".code-workspace": JSON, ".toml": TOML, ".yaml": YAML, ".yml": YAML}
	format := formats[strings.ToLower(filepath.Ext(path))]
	if format == "" {
		return File{}, fmt.Errorf("%q does not end in .json, .jsonc, .code-workspace, .toml, .yaml or .yml", path)
	}
	return File{Client: &Client{Name: "file", Label: "client of " + filepath.Base(path), Format: format, Pointers: []Pointer{p}}, Path: path}, nil
}
