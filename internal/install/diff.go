package install

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
)

// Diff is what writing data in the place of the document would change, for a
// person. It shows the commands that change and nothing that is beside them
// in the file, with what looks like a secret masked:
//
//	@@ line 4: files
//	-command: "npx", args: ["-y", "files"]
//	+command: "/usr/local/bin/signet-wrap", args: ["--", "npx", "-y", "files"]
func (d *Document) Diff(data []byte) (string, error) {
	n, err := Parse(data, d.format, d.pointers)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	line, at := 1, 0 // of the file's bytes, counted so far
	for i, e := range d.Entries {
		changed := n.Entries[i] // wrapping adds no entry and takes none away
		place := e.command
		if place == nil {
			place = e.url()
		}
		if place == nil || e.Wrapped == changed.Wrapped && e.String() == changed.String() {
			continue
		}
		if place.start < at { // an odd order of tables
			line, at = 1, 0
		}
		line += bytes.Count(d.body[at:place.start], []byte("\n"))
		at = place.start
		fmt.Fprintf(&b, "@@ line %d: %s\n", line, terminal.Clean(e.Name))
		if e.command == nil {
			fmt.Fprintf(&b, "-%s\n+%s%s\n", e.remoteString(), changed, changed.envString())
		} else {
			fmt.Fprintf(&b, "-%s\n+%s\n", e, changed)
		}
	}
	return b.String(), nil
}

// remoteString is how a server that is not wrapped is reached.
func (e *Entry) remoteString() string {
	text := "url: " + string(literals(redact.Argument(e.url().says()))[0])
	r, err := e.reach()
	if err == nil && len(r.headers) > 0 {
		var names []string
		for _, h := range r.headers {
			names = append(names, h.name+": "+redact.Mask)
		}
		text += ", headers: {" + strings.Join(names, ", ") + "}"
	}
	return text
}

// envString is the environment of e, with all values masked.
func (e *Entry) envString() string {
	if len(e.Env) == 0 {
		return ""
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		names = append(names, name+": "+redact.Mask)
	}
	return ", env: {" + strings.Join(names, ", ") + "}"
}
