package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads a YAML file of one document.
func parseYAML(body []byte) (*node, error) {
	// The parser counts lines by more characters than editors do, and its
	// lines and columns are all it says of places.
	if bytes.ContainsAny(bytes.ReplaceAll(body, []byte("\r\n"), nil), "\r\u0085\u2028\u2029") {
		return nil, errors.New("it has line ends other than LF and CR LF")
	}
	d := yaml.NewDecoder(bytes.NewReader(body))
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return &node{kind: table}, nil
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	y := yamlReader{body: body, lines: []int{0}}
	for i, b := range body {
		if b == '\n' {
			y.lines = append(y.lines, i+1)
		}
	}
	return y.value(doc.Content[0]), nil
}

type yamlReader struct {
	body  []byte
	lines []int // where each begins

	// The place that was asked for last: the next is mostly to the right of it.
	line, column, at int
}

// offset is the place of a line and a column, both 1-based, the column in
// characters.
func (y *yamlReader) offset(line, column int) int {
	if line < 1 || line > len(y.lines) {
		return -1
	}
	if line != y.line || column < y.column {
		y.line, y.column, y.at = line, 1, y.lines[line-1]
	}
	for ; y.column < column && y.at < len(y.body); y.column++ {
		_, size := utf8.DecodeRune(y.body[y.at:])
		y.at += size
	}
	return y.at
}

func (y *yamlReader) value(x *yaml.Node) *node {
	n := &node{
		start:  y.offset(x.Line, x.Column),
		end:    -1,
		flow:   x.Style&yaml.FlowStyle != 0,
		shared: x.Anchor != "" || x.Kind == yaml.AliasNode,
	}
	switch x.Kind {
	case yaml.MappingNode:
		n.kind = table
		for i := 0; i+1 < len(x.Content); i += 2 {
			k := x.Content[i]
			at := y.offset(k.Line, k.Column) // before the value's: see offset
			v := y.value(x.Content[i+1])
			name := k.Value
			if k.Kind != yaml.ScalarNode { // nobody's name, but one of its own
				name = fmt.Sprintf("\x00%d", i)
			}
			if k.Kind != yaml.ScalarNode || k.Anchor != "" || k.Tag == "!!merge" {
				v.shared = true
			}
			n.members = append(n.members, member{name: name, key: at, value: v})
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, e := range x.Content {
			n.elems = append(n.elems, y.value(e))
		}
		if len(n.elems) > 0 && !n.flow {
			n.dash = y.dash(n.elems[0].start)
		}
	case yaml.AliasNode:
		n.value = "*" + x.Value
	default:
		n.value = x.Tag + " " + x.Value
		if x.Tag == "!!str" {
			n.kind, n.value = str, x.Value
		} else if x.Tag == "!!bool" {
			n.value = strings.ToLower(x.Value) // as the other formats have it
		}
		n.end = y.scalarEnd(x, n.start)
	}
	return n
}

// dash is what is before the element at start on its line, if that is the
// element's dash and nothing else.
func (y *yamlReader) dash(start int) string {
	if start < 0 {
		return ""
	}
	line := y.body[bytes.LastIndexByte(y.body[:start], '\n')+1 : start]
	if rest, ok := bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte("-")); ok && len(rest) > 0 && len(bytes.Trim(rest, " \t")) == 0 {
		return string(line)
	}
	return ""
}

// scalarEnd finds the end of a scalar that is written on one line, which the
// parser does not say; -1 for blocks, tags and whatever else.
func (y *yamlReader) scalarEnd(x *yaml.Node, start int) int {
	if start < 0 || start >= len(y.body) {
		return -1
	}
	rest := y.body[start:]
	if x.Line < len(y.lines) { // where the next one begins
		rest = y.body[start : y.lines[x.Line]-1]
	}
	switch x.Style {
	case 0:
		if x.Value != "" && bytes.HasPrefix(rest, []byte(x.Value)) {
			return start + len(x.Value)
		}
	case yaml.SingleQuotedStyle:
		for i := 1; i < len(rest) && rest[0] == '\''; i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 == len(rest) || rest[i+1] != '\'' {
				return start + i + 1
			}
			i++
		}
	case yaml.DoubleQuotedStyle:
		for i := 1; i < len(rest) && rest[0] == '"'; i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return start + i + 1
			}
		}
	}
	return -1
}
