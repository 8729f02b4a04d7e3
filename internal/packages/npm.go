package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A manifest is a package.json.
type manifest struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Description          string            `json:"description"`
	License              string            `json:"license"`
	Homepage             string            `json:"homepage"`
	Repository           repository        `json:"repository"`
	Bin                  map[string]string `json:"bin,omitempty"`
	OS                   []string          `json:"os,omitempty"`
	CPU                  []string          `json:"cpu,omitempty"`
	PreferUnplugged      bool              `json:"preferUnplugged,omitempty"` // Yarn: not in a zip file
	Engines              map[string]string `json:"engines,omitempty"`
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
}

type repository struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

const description = "Signs every tool call to an MCP server and logs it in a hash chain"

// npmNames are Node.js's names for what Go calls otherwise.
var npmNames = map[string]string{"windows": "win32", "amd64": "x64"}

func npmName(s string) string {
	if n := npmNames[s]; n != "" {
		return n
	}
	return s
}

// npmPackage is the name of the platform's package. The scope is ours alone, so that
// nobody can publish the package of a platform that we have forgotten.
func (p platform) npmPackage() string { return "@signet-wrap/" + npmName(p.OS) + "-" + npmName(p.Arch) }

// npm makes a package for each platform, of which npm installs the one that fits,
// and the one that people install, which needs no script at its installation.
func (r release) npm(platforms []platform) error {
	about := func(name string) manifest {
		return manifest{
			Name: name, Version: r.Version, Description: description, License: "(MIT OR Apache-2.0)",
			Homepage:   "https://github.com/signet-wrap/signet-wrap#readme",
			Repository: repository{"git", "git+https://github.com/signet-wrap/signet-wrap.git"},
		}
	}
	top := about("signet-wrap")
	top.Bin = map[string]string{"signet-wrap": "bin/signet-wrap.js"}
	top.Engines = map[string]string{"node": ">=18"}
	top.OptionalDependencies = make(map[string]string)
	for _, p := range platforms {
		m := about(p.npmPackage())
		m.Description += ": the program for " + p.OS + " " + p.Arch
		m.OS, m.CPU, m.PreferUnplugged = []string{npmName(p.OS)}, []string{npmName(p.Arch)}, true
		program, err := r.read(p)
		if err != nil {
			return err
		}
		top.OptionalDependencies[m.Name] = r.Version
		readme := "# " + m.Name + "\n\n" + m.Description + ". Install signet-wrap, which brings this.\n"
		err = r.tarball(m, map[string][]byte{"bin/signet-wrap" + p.suffix(): program, "README.md": []byte(readme)})
		if err != nil {
			return err
		}
	}
	shim, err := files.ReadFile("files/signet-wrap.js")
	if err != nil {
		return err
	}
	readme, err := files.ReadFile("files/npm.md")
	if err != nil {
		return err
	}
	return r.tarball(top, map[string][]byte{"bin/signet-wrap.js": shim, "README.md": readme})
}

// tarball writes a package as `npm pack` names it.
func (r release) tarball(m manifest, content map[string][]byte) error {
	about, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	archive := tar.NewWriter(zip)
	add := func(name string, data []byte) error {
		h := &tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(data)), ModTime: r.Time.Truncate(time.Second)}
		if strings.HasPrefix(name, "bin/") {
			h.Mode = 0o755
		}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		_, err := archive.Write(data)
		return err
	}
	if err := add("package.json", append(about, '\n')); err != nil {
		return err
	}
	for _, name := range licences {
		if content[name], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if err := add(name, content[name]); err != nil {
			return err
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		return err
	}
	name := strings.NewReplacer("@", "", "/", "-").Replace(m.Name) + "-" + m.Version + ".tgz"
	return os.WriteFile(filepath.Join(r.out, name), buf.Bytes(), 0o644)
}

// licences go into every package.
var licences = []string{"LICENSE-APACHE", "LICENSE-MIT"}
