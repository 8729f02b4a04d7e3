package install

import (
	"errors"
	"fmt"
	"path/filepath"
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

// ByName makes a file of a client that is not in the table: the name's ending
// tells the format.
func ByName(path string, p Pointer) (File, error) {
	formats := map[string]Format{".json": JSON, ".jsonc": JSON, ".toml": TOML, ".yaml": YAML, ".yml": YAML}
	format := formats[strings.ToLower(filepath.Ext(path))]
	if format == "" {
		return File{}, fmt.Errorf("%q does not end in .json, .jsonc, .toml, .yaml or .yml", path)
	}
	return File{Client: &Client{Name: "file", Label: path, Format: format, Pointers: []Pointer{p}}, Path: path}, nil
}
