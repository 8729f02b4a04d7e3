package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

//go:embed assets/plain.html
var plain []byte

// Plain writes a page without calls: it says what the bundle claims, and how to find out
// whether that is so. It is for what no browser can hold.
func Plain(w io.Writer, core *bundle.Bundle) error {
	m := &core.Manifest
	var list markup
	row := func(name, format string, a ...any) {
		list.write("<dt>%v</dt><dd>%v</dd>\n", name, fmt.Sprintf(format, a...))
	}
	records, size := text.Count(m.Records, "record"), text.Count(m.Size, "record")
	switch m.Kind {
	case bundle.Log:
		row("Records", "%s, the whole log", records)
	case bundle.Range:
		row("Records", "%s: all from record %s to record %s of a log of %s", records, text.Grouped(m.First+1), text.Grouped(m.Last+1), size)
	default:
		row("Records", "%s, picked from a log of %s; what lies between is not shown", records, size)
	}
	if m.Asked != "" {
		row("Asked for", "%s", m.Asked)
	}
	row("The log's first record", "%s", m.Log)
	row("The log's newest record", "%s", m.Head)
	for _, k := range core.Keys() {
		row("Key "+k.Name, "named in the file alone")
	}
	row("Made by", "%s", m.Program)
	_, err := w.Write(bytes.Replace(plain, []byte("<!--rows-->\n"), []byte(list.String()), 1))
	return err
}
