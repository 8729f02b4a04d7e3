package install

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/internal/text"
)

// A Format is how a configuration is written.
type Format string

const (
	JSON Format = "json" // with or without comments and trailing commas
	TOML Format = "toml"
	YAML Format = "yaml"
)

// MaxSize bounds a configuration, in bytes: the largest, Claude Code's, which
// holds its history, reach some megabytes.
const MaxSize = 32 << 20

// maxDepth bounds the nesting, for the parsers call themselves for each level. It
// is the limit of those of TOML and YAML.
const maxDepth = 10_000

// Bounds of TOML, whose parser compares each name in a table with all others and
// calls itself for each part of a dotted key: seconds, and some hundred MB.
const (
	maxTOMLKeys = 1 << 14
	maxTOMLDots = 1 << 18
)

// A Document is a configuration that has been read.
type Document struct {
	Entries []*Entry // pointer by pointer, in the file's order

	reached  bool   // some pointer leads to a table or list
	data     []byte // the file
	body     []byte // data without its byte order mark; places count from here
	root     *node
	format   Format
	pointers []Pointer
}

// Parse reads the configuration data. The error says why it is not to be
// touched: too large, not in its format, a name twice in one table.
func Parse(data []byte, format Format, pointers []Pointer) (*Document, error) {
	d := &Document{data: data, format: format, pointers: pointers}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("it is larger than %d MiB", MaxSize>>20)
	}
	// Whoever edits a file in UTF-16 would have to write one, and no client reads
	// that.
	body, err := text.Decode(data)
	if err == nil && (bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))) {
		err = errors.New("it is UTF-16: save it as UTF-8")
	}
	if err == nil && !utf8.Valid(data) {
		err = errors.New("it is not UTF-8")
	}
	if err != nil {
		return nil, err
	}
	d.body = body
	switch {
	case len(bytes.TrimSpace(d.body)) == 0:
		d.root = &node{kind: table} // some clients leave an empty file
	case format == JSON && depth(d.body) > maxDepth:
		err = fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	case format == JSON:
		d.root, err = parseJSON(d.body)
	case format == TOML && bytes.Count(d.body, []byte("="))+bytes.Count(d.body, []byte("\n[")) > maxTOMLKeys:
		err = fmt.Errorf("it has more than %d keys, too many for TOML", maxTOMLKeys)
	case format == TOML && bytes.Count(d.body, []byte(".")) > maxTOMLDots:
		err = fmt.Errorf("it has more than %d dots, too many for TOML", maxTOMLDots)
	case format == TOML:
		d.root, err = parseTOML(d.body)
	case format == YAML:
		d.root, err = parseYAML(d.body)
	default:
		err = fmt.Errorf("there is no format %q", format)
	}
	if err == nil {
		err = d.root.unique()
	}
	if err != nil {
		return nil, shortError(err)
	}
	d.find()
	return d, nil
}

// maxReason bounds what an error says, in bytes: a parser's may hold a name of
// some megabytes.
const maxReason = 300

func shortError(err error) error {
	s := err.Error()
	if len(s) <= maxReason {
		return err
	}
	return errors.New(strings.ToValidUTF8(s[:maxReason/2], "") + "…" + strings.ToValidUTF8(s[len(s)-maxReason/2:], ""))
}

// raw are the bytes of a node whose end is known.
func (d *Document) raw(n *node) []byte { return d.body[n.start:n.end] }
