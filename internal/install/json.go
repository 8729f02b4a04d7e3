package install

import (
	"bytes"
	"errors"
	"strings"

	"github.com/tailscale/hujson"
)

// parseJSON reads JSON, with the comments and trailing commas of JSONC: what
// a client makes of them is its business, we keep them.
func parseJSON(body []byte) (*node, error) {
	v, err := hujson.Parse(body)
	if err != nil {
		return nil, errors.New("it is not JSON: " + strings.TrimPrefix(err.Error(), "hujson: "))
	}
	return fromJSON(v), nil
}

func fromJSON(v hujson.Value) *node {
	n := &node{start: v.StartOffset, end: v.EndOffset, flow: true}
	switch x := v.Value.(type) {
	case *hujson.Object:
		n.kind = table
		for _, m := range x.Members {
			n.members = append(n.members, member{
				name:  m.Name.Value.(hujson.Literal).String(),
				key:   m.Name.StartOffset,
				value: fromJSON(m.Value),
			})
		}
	case *hujson.Array:
		n.kind = list
		for _, e := range x.Elements {
			n.elems = append(n.elems, fromJSON(e))
		}
	case hujson.Literal:
		n.value = string(x)
		if x.Kind() == '"' {
			n.kind, n.value = str, x.String()
		}
	}
	return n
}

// depth is how deep the brackets of JSON with comments are nested. Of what is no
// JSON it says the depth up to the first fault, or more.
func depth(body []byte) (deepest int) {
	now := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '[', '{':
			now++
			deepest = max(deepest, now)
		case ']', '}':
			now--
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '/':
			end := "\n"
			if bytes.HasPrefix(body[i:], []byte("/*")) {
				i, end = i+1, "*/"
			}
			n := bytes.Index(body[i+1:], []byte(end))
			if n < 0 {
				return deepest
			}
			i += n + len(end)
		}
	}
	return deepest
}
