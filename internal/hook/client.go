package hook

import (
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Client is a program whose own tools can be recorded by hooks.
type Client struct {
	Name   string // for --client, and as the table of package install has it
	Label  string // for a person
	Target string // of its tools, in receipts
	// Read reads one of its documents. The error says what is wrong with it: then
	// the tool must not run.
	Read func(raw []byte) (*Document, error)
	// Hooks are where its hooks are configured, and which of them we need. Clients sets
	// their client.
	Hooks install.Hooks
	// Next is what a person has to do after they were installed; "": nothing but to
	// restart it.
	Next string
}

// makers make the clients, each in a file of its own, in the order of their names.
var makers = []func() *Client{claudeCode, codex}

// Clients are all clients, by name.
func Clients() []*Client {
	all := make([]*Client, len(makers))
	for i, maker := range makers {
		c := maker()
		c.Hooks.Client, c.Hooks.Label = c.Name, c.Label
		all[i] = c
	}
	return all
}

// ClientNamed is the client of that name, nil if there is none.
func ClientNamed(name string) *Client {
	for _, c := range Clients() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// events are the names of events of a client whose documents have hook_event_name,
// as those of Claude Code and of clients that follow it.
type events struct {
	before        string
	after, failed []string
	other         []string // that are about no use of a tool
}

// read reads such a document, to the end of what is the same in all of these clients.
func (e events) read(raw []byte) (*Document, *reader) {
	r := read(raw)
	d := &Document{}
	name := r.must("hook_event_name")
	switch {
	case r.err != nil:
		return d, r
	case name == e.before:
		d.When = Before
	case slices.Contains(e.after, name):
		d.When = After
	case slices.Contains(e.failed, name):
		d.When, d.Failed = After, name
	case slices.Contains(e.other, name):
		return d, r
	default:
		r.fail("%q is no event that is known", short(name))
	}
	d.Session, d.Tool, d.ID = r.must("session_id"), r.must("tool_name"), r.text("tool_use_id")
	d.Arguments = r.object("tool_input")
	if cwd, ok := r.root.Member("cwd"); ok {
		d.Directory, _ = cwd.Text(raw)
	}
	if agent := r.text("agent_id"); agent != "" {
		d.IDs = append(d.IDs, event.ClientID{Name: "agent_id", ID: agent})
	}
	if d.When == After {
		name := "tool_response"
		if d.Failed != "" {
			name = "error"
		}
		if d.Result.Value = r.value(name); d.Result.Value == nil {
			d.Result.Value = []byte("null")
		}
	}
	// mcp__SERVER__TOOL, and both can have "__" in them
	if rest, ok := strings.CutPrefix(d.Tool, "mcp__"); ok {
		for i := range rest {
			if i > 0 && strings.HasPrefix(rest[i:], "__") {
				d.Servers = append(d.Servers, rest[:i])
			}
		}
	}
	return d, r
}
