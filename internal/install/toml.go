package install

import (
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// parseTOML reads TOML 1.0. The parser with offsets knows nothing of tables
// that are defined twice, so the other one, which does, reads the file first.
func parseTOML(body []byte) (*node, error) {
	if err := toml.Unmarshal(body, new(map[string]any)); err != nil {
		return nil, err
	}
	t := tomlReader{body: body}
	t.Reset(body)
	root := &node{kind: table, end: len(body)}
	at := root // the table that key-values go into
	for t.NextExpression() {
		x := t.Expression()
		var err error
		switch x.Kind {
		case unstable.Table, unstable.ArrayTable:
			at, err = t.open(root, x)
		case unstable.KeyValue:
			err = t.add(at, x)
		}
		if err != nil {
			return nil, err
		}
	}
	return root, t.Error()
}

type tomlReader struct {
	unstable.Parser
	body []byte
}

var errShape = errors.New("a table and another value have the same name")

// open finds or makes the table of a header, [a.b] or [[a.b]].
func (t *tomlReader) open(at *node, x *unstable.Node) (*node, error) {
	it := x.Key()
	for it.Next() {
		name := string(it.Node().Data)
		v := at.get(name)
		switch last := it.IsLast() && x.Kind == unstable.ArrayTable; {
		case v == nil && last:
			v = &node{kind: list, end: -1}
			at.members = append(at.members, member{name: name, value: v})
		case v == nil:
			v = &node{kind: table, end: -1}
			at.members = append(at.members, member{name: name, value: v})
		}
		if v.kind == list { // of tables: the header goes on in the newest
			if it.IsLast() && x.Kind == unstable.ArrayTable {
				v.elems = append(v.elems, &node{kind: table, end: -1})
			}
			if len(v.elems) == 0 {
				return nil, errShape
			}
			v = v.elems[len(v.elems)-1]
		}
		if v.kind != table {
			return nil, errShape
		}
		at = v
	}
	return at, nil
}

// add puts a key-value, whose key may be dotted, into the table at.
func (t *tomlReader) add(at *node, x *unstable.Node) error {
	it := x.Key()
	first, end := -1, 0
	for it.Next() {
		k := it.Node()
		start := int(k.Raw.Offset)
		if first < 0 {
			first = start
		}
		end = start + int(k.Raw.Length)
		name := string(k.Data)
		if it.IsLast() {
			v, err := t.value(x.Value(), end, int(x.Raw.Offset+x.Raw.Length))
			at.members = append(at.members, member{name: name, key: first, prefix: string(t.body[first:start]), value: v})
			return err
		}
		v := at.get(name)
		if v == nil {
			v = &node{kind: table, end: -1, flow: at.flow}
			at.members = append(at.members, member{name: name, value: v})
		}
		if v.kind != table {
			return errShape
		}
		at = v
	}
	return fmt.Errorf("a value without a key at byte %d", x.Raw.Offset)
}

// value reads a value somewhere after from. end is where it ends,
// if the parser does not say; -1 if nobody knows.
func (t *tomlReader) value(x *unstable.Node, from, end int) (*node, error) {
	n := &node{start: int(x.Raw.Offset), end: int(x.Raw.Offset + x.Raw.Length), value: string(x.Data)}
	switch x.Kind {
	case unstable.String:
		n.kind = str
	case unstable.Array:
		*n = node{kind: list, start: t.bracket(from), end: end, flow: true}
		for it := x.Children(); it.Next(); {
			e, err := t.value(it.Node(), -1, -1)
			if err != nil {
				return nil, err
			}
			n.elems = append(n.elems, e)
		}
	case unstable.InlineTable:
		*n = node{kind: table, start: n.start, end: end, flow: true}
		for it := x.Children(); it.Next(); {
			if err := t.add(n, it.Node()); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// bracket is where the "[" is after "=" after the key that ends at from.
func (t *tomlReader) bracket(from int) int {
	for i := max(from, 0); i < len(t.body) && from >= 0; i++ {
		switch t.body[i] {
		case ' ', '\t', '=':
		case '[':
			return i
		default:
			return -1
		}
	}
	return -1
}
