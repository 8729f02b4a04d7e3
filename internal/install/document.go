// Package install puts signet-wrap in front of the servers in the clients'
// configurations, and takes it away again, without touching another byte.
//
// A Client is a row in a table: its files, and where in them the servers are.
// Parse reads such a file for its Entries. Wrap and Unwrap splice bytes around
// the literals that are there:
//
//	"command": "npx", "args": ["-y", "server"]
//	"command": "/usr/local/bin/signet-wrap", "args": ["--", "npx", "-y", "server"]
//
// The wrapped form is its own undo record: the old command's literal stands
// whole behind "--". Where there was no args, the member that is made has no
// spaces in it, `,"args":["--","npx"]`, which tells it from an empty list, into
// which we write ", ".
//
// Nothing is believed of the splice. Before a byte is handed out the new
// document is parsed, must hold what the old one holds but for the commands
// meant, and unwrapping it must give the old document back, byte for byte.
package install

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
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

// maxBrackets bounds the nesting, for the parsers call themselves for each: a
// file cannot be nested deeper than it has opening brackets.
const maxBrackets = 1 << 20

// A Document is a configuration that has been read.
type Document struct {
	Entries []*Entry // pointer by pointer, in the file's order

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
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d.body = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.Count(d.body, []byte("["))+bytes.Count(d.body, []byte("{")) > maxBrackets {
		return nil, fmt.Errorf("it has more than %d brackets", maxBrackets)
	}
	var err error
	switch {
	case len(bytes.TrimSpace(d.body)) == 0:
		d.root = &node{kind: table} // some clients leave an empty file
	case format == JSON:
		d.root, err = parseJSON(d.body)
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
		return nil, err
	}
	d.find()
	return d, nil
}

// raw are the bytes of a node whose end is known.
func (d *Document) raw(n *node) []byte { return d.body[n.start:n.end] }
