package install

import (
	"bytes"
	"fmt"
	"strings"

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
		if e.command == nil {
			continue
		}
		changed := n.Entries[i] // wrapping adds no entry and takes none away
		if e.Wrapped == changed.Wrapped && e.String() == changed.String() {
			continue
		}
		if e.command.start < at { // an odd order of tables
			line, at = 1, 0
		}
		line += bytes.Count(d.body[at:e.command.start], []byte("\n"))
		at = e.command.start
		fmt.Fprintf(&b, "@@ line %d: %s\n-%s\n+%s\n", line, terminal.Clean(e.Name), e, changed)
	}
	return b.String(), nil
}
