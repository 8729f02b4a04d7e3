package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// tools are the tools as the server listed them to the client, each with the hash
// of its definition. A server can change what a tool is after the client has read
// its definition. So a listing is recorded before the calls that follow it, and a
// change is an event of its own. session.mu guards all fields.
//
// Memory is bounded: maxKnown tools are followed, maxNamed of them by name. The
// others are counted, and a hash of their definitions is kept.
type tools struct {
	session string // its id; not changed, nor is opts
	opts    *Options

	known   map[toolKey]definition
	named   int // number of tools whose name is kept
	bytes   int // length of these names
	changes []toolChange
	left    left
	doubted bool // left includes listings that clients may have read differently
	fresh   bool // there was a listing since the last event
	logged  left // left, as last recorded
	begun   bool // there was a tools event
}

// toolKey is the beginning of the hash of a name.
type toolKey [16]byte

func keyOf(name string) toolKey {
	sum := sha256.Sum256([]byte(name))
	return toolKey(sum[:16])
}

// definition is a tool as last listed.
type definition struct {
	name    string // "" if not kept
	hash    event.Hash
	byBytes bool // hash is of the bytes as sent, not of the canonical form
}

// toolChange is a definition that is new, or replaced another one.
type toolChange struct {
	definition
	was event.Hash // hash of the definition before; zero: none
}

// left are the tools of a listing that are not followed, or not by name.
type left struct {
	count int
	sum   event.Hash // over their hashes, in order; zero: no tools
}

func (l *left) add(hash event.Hash) {
	l.count++
	text := hash.String()
	if !l.sum.IsZero() {
		text = l.sum.String() + text
	}
	l.sum = event.HashOf([]byte(text))
}

// Bounds of what is remembered of the tools, in tools and bytes.
const (
	maxNamed   = 10_000
	maxNames   = 1 << 20
	maxKnown   = 50_000
	maxChanges = 10_000 // between two calls
)

// listed takes a listing: its first page, or a further one.
func (t *tools) listed(l *mcpwire.Listing, first bool) {
	if t.known == nil {
		t.known = map[toolKey]definition{}
	}
	if t.fresh = true; first {
		t.left, t.doubted = left{}, false
	}
	last := make(map[string]int, len(l.Tools))
	for i, tool := range l.Tools {
		last[tool.Name] = i
	}
	for i, tool := range l.Tools {
		if last[tool.Name] != i {
			t.left.add(tool.Hash) // a later tool has the same name
			continue
		}
		key := keyOf(tool.Name)
		d, ok := t.known[key]
		switch {
		case ok:
		case len(t.known) == maxKnown:
			t.left.add(tool.Hash)
			continue
		case t.named < maxNamed && t.bytes+len(tool.Name) <= maxNames:
			d.name = tool.Name
			t.named++
			t.bytes += len(tool.Name)
		}
		was := d.hash
		d.hash, d.byBytes = tool.Hash, tool.ByBytes
		t.known[key] = d
		kept := d.name != ""
		if !kept {
			t.left.add(tool.Hash)
		}
		if was == d.hash || was.IsZero() && (!kept || !t.begun) {
			continue // the first event has all tools with a name
		}
		if len(t.changes) == maxChanges {
			t.left.add(tool.Hash)
			continue
		}
		d.name = tool.Name
		t.changes = append(t.changes, toolChange{d, was})
	}
	if l.Left > 0 {
		t.left.count += l.Left - 1
		t.left.add(l.LeftSum)
	}
}

// notRead says that clients may have read another listing than was seen here.
func (t *tools) notRead(why string) {
	if !t.doubted {
		t.fresh, t.doubted = true, true
		t.left.add(event.HashOf([]byte(why)))
	}
}

// changed returns the item that records the listings since the last time, if there
// were any and they differ from what the log has. call is the receipt of the first
// call after them, "" if there is none.
func (t *tools) changed(call string) (item, bool) {
	if !t.fresh {
		return item{}, false
	}
	t.fresh = false
	changes, rest, same := t.changes, t.left, t.left == t.logged
	t.changes, t.logged = nil, t.left
	if t.begun {
		if len(changes) == 0 && same {
			return item{}, false
		}
		return item{prepare: func(ed25519.PublicKey) []item { return t.laterEvents(call, changes, rest) }}, true
	}
	t.begun = true
	known := maps.Clone(t.known)
	return item{prepare: func(key ed25519.PublicKey) []item { return t.firstEvents(call, key, known, changes, rest) }}, true
}

// firstEvents are the events of the first listing of a session.
func (t *tools) firstEvents(call string, key ed25519.PublicKey, known map[toolKey]definition, changes []toolChange, rest left) []item {
	earlier := lastTools(t.opts.Audit, t.opts.Target, key)
	named := make(map[string]definition, min(len(known), maxNamed))
	same := earlier.left == rest && earlier.ended == ""
	for _, d := range known {
		if d.name != "" {
			named[d.name] = d
			same = same && earlier.tools[d.name] == d.hash
		}
	}
	var items []item
	if !same || earlier.tools == nil || len(earlier.tools) != len(named) {
		items = t.toolEvents(call, named, false, rest, earlier.ended)
	}
	first := map[string]event.Hash{} // hashes of tools that have changed since
	for _, c := range slices.Backward(changes) {
		first[c.name] = c.was
	}
	var drifts []toolChange
	for _, name := range slices.Sorted(maps.Keys(earlier.tools)) {
		now, ok := first[name]
		if !ok {
			now = known[keyOf(name)].hash
		}
		if was := earlier.tools[name]; !now.IsZero() && now != was {
			drifts = append(drifts, toolChange{definition{name: name, hash: now}, was})
		}
	}
	return append(items, t.driftEvents(append(drifts, changes...))...)
}

// laterEvents are the events of a later listing.
func (t *tools) laterEvents(call string, changes []toolChange, rest left) []item {
	named := map[string]definition{}
	for _, c := range changes {
		named[c.name] = c.definition
	}
	return append(t.toolEvents(call, named, true, rest, ""), t.driftEvents(changes)...)
}

// hashLen is the length of a hash as text, in bytes.
const hashLen = len("sha256:") + 2*sha256.Size

// maxToolEvent is the maximum length of names and hashes in one event, in bytes as
// written: SSH agents sign no more than some 60 KB.
const maxToolEvent = 32 << 10

// written is the length of a name as it is written, in bytes.
func written(name string) int { return len(mcpwire.Quoted(name)) }

// toolEvents are the tools events for these definitions. adds says whether the
// first of them adds to earlier events or replaces them. ended is the limit that
// ended the search for an earlier listing, "" if none did.
func (t *tools) toolEvents(call string, named map[string]definition, adds bool, rest left, ended string) (items []item) {
	e := event.Tools{Session: t.session, Target: t.opts.Target, Tools: map[string]event.Hash{}, Adds: adds, SearchEnded: ended, Call: call}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(named)) {
		d := named[name]
		if size += written(name) + hashLen; size > maxToolEvent {
			items = append(items, item{event: e})
			e = event.Tools{Session: t.session, Target: t.opts.Target, Tools: map[string]event.Hash{}, Adds: true, Call: call}
			size = written(name) + hashLen
		}
		e.Tools[name] = d.hash
		if d.byBytes {
			e.ByBytes = append(e.ByBytes, name)
			size += written(name)
		}
	}
	e.Left, e.LeftHash = int64(rest.count), rest.sum
	return append(items, item{event: e})
}

// maxDrifts is the maximum number of tool_drift events for one listing. The tools
// events have all changes.
const maxDrifts = 1_000

func (t *tools) driftEvents(changes []toolChange) (items []item) {
	for _, c := range changes {
		if !c.was.IsZero() && len(items) < maxDrifts {
			items = append(items, item{event: event.ToolDrift{
				Session: t.session, Target: t.opts.Target, Tool: c.name, Was: c.was, Now: c.hash}})
		}
	}
	return items
}
