package record

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// peers are the client and the server, each as it describes itself. They are
// recorded at the first call of a session. session.mu guards all fields.
type peers struct {
	client, server *event.Implementation // nil: not said
	protocol       string                // the version that the server chose; before that, the one that the client named

	logged *event.Implementation // the client in the last event about the session
	raw    []byte                // clientInfo of the last call that had one
	parsed *event.Implementation // of raw
}

// clientOf is the client of a call, nil if the event about the session names it.
func (p *peers) clientOf(c *Call) *event.Implementation {
	client := p.client
	if c.Client != nil {
		if p.parsed == nil || !bytes.Equal(c.Client, p.raw) {
			p.raw, p.parsed = bytes.Clone(c.Client), readImplementation(c.Client)
		}
		if p.parsed != nil {
			client = p.parsed
		}
	}
	if client == nil || p.logged != nil && *client == *p.logged {
		return nil
	}
	return client
}

// clientSays takes the client's description from the params of initialize or
// server/discover.
func (p *peers) clientSays(message []byte, params mcpwire.Value) {
	if v, ok := params.Member("clientInfo"); ok {
		p.client = readImplementation(v.Raw(message))
	}
	if v, ok := params.Member("protocolVersion"); ok {
		p.protocol, _ = v.Text(message)
	}
	meta, _ := params.Member("_meta")
	if v, ok := meta.Member(mcpwire.MetaClient); ok && p.client == nil {
		p.client = readImplementation(v.Raw(message))
	}
	if v, ok := meta.Member(mcpwire.MetaProtocol); ok {
		p.protocol, _ = v.Text(message)
	}
}

// callSays takes the client's description from a call, where none is known yet.
func (p *peers) callSays(c *Call) {
	if p.client == nil && c.Client != nil {
		p.client = readImplementation(c.Client)
	}
	if p.protocol == "" {
		p.protocol = c.Protocol
	}
}

// serverSays takes the server's description from the result of initialize or
// server/discover.
func (p *peers) serverSays(result []byte) {
	r, err := mcpwire.Parse(result, 0)
	if err != nil {
		return
	}
	if v, ok := r.Member("protocolVersion"); ok {
		p.protocol, _ = v.Text(result)
	}
	if v, ok := r.Member("serverInfo"); ok {
		p.server = readImplementation(v.Raw(result))
	} else if v, ok := r.Member("_meta"); ok {
		raw := v.Raw(result)
		if meta, err := mcpwire.Parse(raw, 0); err == nil {
			if v, ok := meta.Member(mcpwire.MetaServer); ok {
				p.server = readImplementation(v.Raw(raw))
			}
		}
	}
}

// maxName is the maximum length of a peer's name or version in the log, in bytes.
const maxName = 200

func readImplementation(raw []byte) *event.Implementation {
	root, err := mcpwire.Parse(raw, 0)
	if err != nil {
		return nil
	}
	text := func(name string) string {
		v, _ := root.Member(name)
		s, _ := v.Text(raw)
		return shorten(s)
	}
	return &event.Implementation{Name: text("name"), Version: text("version")}
}

func shorten(s string) string { return shortenTo(s, maxName) }

func shortenTo(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// event is the event about the session, without the files of the command.
func (p *peers) event(session string, o *Options) event.Session {
	_, to := o.system()
	p.logged = p.client
	return event.Session{
		Session: session, Heads: to, Target: o.Target, Client: p.client, Server: p.server, Protocol: shorten(p.protocol), Via: cmp.Or(o.Via, "sdk"), SDK: o.sdk,
		Command: clip(redact.Command(o.Command)), Settings: o.Settings,
	}
}

// maxCommand bounds the command that an event repeats, in bytes: see maxToolEvent.
const maxCommand = 24 << 10

// clip leaves out what of a command is too long, and says how much it was.
func clip(command []string) []string {
	size := 0
	for i, word := range command {
		if size += written(word); size > maxCommand {
			return append(command[:i:i], fmt.Sprintf("... and %s", text.Count(int64(len(command)-i), "more argument")))
		}
	}
	return command
}
