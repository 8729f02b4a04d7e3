package install

import "fmt"

// A kind is what a node is, as far as finding servers goes.
type kind byte

const (
	other kind = iota // number, boolean, null, date
	str
	list
	table
)

// A node is a value of a document of any format, with the place of its bytes.
type node struct {
	kind       kind
	value      string // of a text what it says, of an other how it is written
	start, end int    // its bytes in the document's body; end < 0: not known
	members    []member
	elems      []*node
	places     map[string]int // where the members are, of a table of many
	placed     int            // how many members are in places

	// A table or list that is written in brackets, in YAML and TOML too. The
	// others have their members and elements on lines of their own.
	flow bool
	// Of a YAML list without brackets: what is before its first element on
	// that line, "  - ". Empty if that is not to be repeated.
	dash string
	// It has a YAML anchor or is an alias, so that what is written here is
	// read elsewhere, or the other way round.
	shared bool
}

// A member is a name and a value in a table.
type member struct {
	name   string
	key    int    // where its key begins, in YAML and TOML
	prefix string // "a.b." of a dotted TOML key a.b.c
	value  *node
}

// get is the member's value; nil if there is none, or n is not a table.
func (n *node) get(name string) *node {
	if m := n.member(name); m != nil {
		return m.value
	}
	return nil
}

func (n *node) member(name string) *member {
	if n == nil {
		return nil
	}
	if len(n.members) <= 16 {
		for i := range n.members {
			if n.members[i].name == name {
				return &n.members[i]
			}
		}
		return nil
	}
	// A client's file may hold very many servers, and TOML asks for each.
	if n.places == nil {
		n.places = make(map[string]int)
	}
	for ; n.placed < len(n.members); n.placed++ {
		if at := n.members[n.placed].name; !has(n.places, at) {
			n.places[at] = n.placed
		}
	}
	if i, ok := n.places[name]; ok {
		return &n.members[i]
	}
	return nil
}

// setMembers puts others in the place of the members.
func (n *node) setMembers(m []member) { n.members, n.places, n.placed = m, nil, 0 }

func has(m map[string]int, name string) bool { _, ok := m[name]; return ok }

// says is what the text n says; "" if it is none.
func (n *node) says() string {
	if n == nil || n.kind != str {
		return ""
	}
	return n.value
}

// is says whether n is written so: true, false.
func (n *node) is(s string) bool { return n != nil && n.kind == other && n.value == s }

// anyShared says whether there is an anchor or an alias in n.
func (n *node) anyShared() bool {
	if n.shared {
		return true
	}
	for _, m := range n.members {
		if m.value.anyShared() {
			return true
		}
	}
	for _, e := range n.elems {
		if e.anyShared() {
			return true
		}
	}
	return false
}

// equal says whether both hold the same: the order of members counts, what the
// bytes look like does not.
func (n *node) equal(o *node) bool {
	if n.kind != o.kind || n.value != o.value || n.shared != o.shared ||
		len(n.members) != len(o.members) || len(n.elems) != len(o.elems) {
		return false
	}
	for i, m := range n.members {
		if m.name != o.members[i].name || !m.value.equal(o.members[i].value) {
			return false
		}
	}
	for i, e := range n.elems {
		if !e.equal(o.elems[i]) {
			return false
		}
	}
	return true
}

// unique says which name a table in n has twice: whoever reads the file may
// take the one or the other, so we must not guess.
func (n *node) unique() error {
	if len(n.members) > 1 {
		seen := make(map[string]bool, len(n.members))
		for _, m := range n.members {
			if seen[m.name] {
				return fmt.Errorf("the name %q is twice in one table", m.name)
			}
			seen[m.name] = true
		}
	}
	for _, m := range n.members {
		if err := m.value.unique(); err != nil {
			return err
		}
	}
	for _, e := range n.elems {
		if err := e.unique(); err != nil {
			return err
		}
	}
	return nil
}
