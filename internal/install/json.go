package install

import (
	"github.com/tailscale/hujson"
)

// parseJSON reads JSON, with the comments and trailing commas of JSONC: what
// a client makes of them is its business, we keep them.
func parseJSON(body []byte) (*node, error) {
	v, err := hujson.Parse(body)
	if err != nil {
		return nil, err
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
