package install

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/redact"
)

// A server that is reached by URL has no process to wrap. mcp-remote is a program that
// is a server on stdio and passes all on to a URL, so it can be wrapped:
//
//	"url": "https://x/mcp", "headers": {"Authorization": "Bearer s"}
//	"command": "signet-wrap", "args": ["--", "npx", "-y", "mcp-remote@V", "https://x/mcp",
//	  "--header", "Authorization:${SIGNET_HEADER_1}"], "env": {"SIGNET_HEADER_1": "Bearer s"}
//
// Unlike the others this form is not its own undo record. The manifest has the entry as
// it was and as it became; only an entry that is still so is undone.

// RemoteProgram is the package that reaches a remote server, of a fixed version: npx
// would run whatever is newest at each start.
const RemoteProgram = "mcp-remote@0.15.1"

// A remoteChange is an entry that was changed.
type remoteChange struct {
	Was string `json:"was"` // its bytes
	Now string `json:"now"` // what it became: see remoteKey
}

// remote is the entry e as it is to be, as bytes of its file.
func (d *Document) remote(e *Entry, w Wrapper) ([]byte, error) {
	n := e.holder
	url := n.get("url").says()
	kind := n.get("type").says()
	scheme, _, _ := strings.Cut(url, "://")
	isHTTP := strings.EqualFold(scheme, "http")
	switch {
	case d.format != JSON:
		return nil, errors.New("only JSON is changed so")
	case e.Reason != "" && !e.Remote:
		return nil, errors.New(e.Reason)
	case !isHTTP && !strings.EqualFold(scheme, "https") || strings.ContainsFunc(url, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return nil, errors.New(`its "url" is no http or https URL`)
	case redact.Argument(url) != url:
		return nil, errors.New(`its "url" has a secret, which would be in a command line, for all users of this machine to see`)
	case n.get("headersHelper") != nil:
		return nil, errors.New(`its headers come from a program, "headersHelper", which mcp-remote does not run`)
	case !isTable(n.get("headers")) || !isTable(n.get("env")):
		return nil, errors.New(`its "headers" or its "env" is no table`)
	case !slices.Contains([]string{"", "http", "sse", "streamable-http", "streamableHttp"}, kind):
		return nil, fmt.Errorf("its type is %q", kind)
	}
	args := append(w.ahead(), "npx", "-y", RemoteProgram, url)
	if kind == "sse" {
		args = append(args, "--transport", "sse-only")
	}
	if isHTTP {
		args = append(args, "--allow-http") // as the entry does; mcp-remote asks
	}
	var env []string
	number := 0
	for _, h := range n.get("headers").all() {
		if h.value.kind != str {
			return nil, fmt.Errorf("its header %q is not text", h.name)
		}
		if strings.ContainsAny(h.value.says(), "\r\n\x00") {
			return nil, fmt.Errorf("the value of its header %q is no value of a header", h.name)
		}
		if strings.ContainsAny(h.name, ": \r\n") || h.name == "" {
			return nil, fmt.Errorf("%q is no name of a header", h.name)
		}
		name := ""
		for name == "" || n.get("env").get(name) != nil {
			number++
			name = fmt.Sprintf("SIGNET_HEADER_%d", number)
		}
		args = append(args, "--header", h.name+":${"+name+"}")
		env = append(env, `"`+name+`":`+string(d.raw(h.value)))
	}
	members := []string{
		`"command":` + string(canon.AppendString(nil, w.Path)),
		`"args":[` + string(bytes.Join(literals(args...), []byte(","))) + `]`,
	}
	for _, m := range n.members {
		switch m.name {
		case "type", "url", "headers":
		case "command", "args":
			return nil, fmt.Errorf("it has %q, too", m.name)
		case "env":
			for _, v := range m.value.all() {
				env = append(env, string(d.body[v.key:v.value.end]))
			}
		default:
			members = append(members, string(d.body[m.key:m.value.end]))
		}
	}
	if len(env) > 0 {
		members = append(members, `"env":{`+strings.Join(env, ",")+`}`)
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}

// isTable says whether n is a table, or nothing.
func isTable(n *node) bool {
	return n == nil || n.kind == table || n.kind == other && n.value == "null"
}

// Remotes returns the file of c in which its remote servers are started through the
// wrappers that with gives for them, and the entries of these servers. left are those
// that cannot be changed, with the reason.
func (c *Config) Remotes(with func(*Entry) (Wrapper, bool)) (data []byte, chosen []*Entry, left map[*Entry]error, err error) {
	d := c.Doc
	left = make(map[*Entry]error)
	var edits []edit
	for _, e := range d.Entries {
		w, ok := with(e)
		if !ok || !e.Remote {
			continue
		}
		if c.Managed {
			left[e] = errors.New(e.Reason)
			continue
		}
		text, err := d.remote(e, w)
		if err != nil {
			left[e] = err
			continue
		}
		chosen = append(chosen, e)
		edits = append(edits, edit{e.holder.start, e.holder.end, text})
	}
	if len(chosen) == 0 {
		return d.data, nil, left, nil
	}
	if data, err = d.spliced(edits); err != nil {
		return nil, nil, left, err
	}
	// All else must read as before, and the servers as wrapped.
	got, err := Parse(data, d.format, d.pointers)
	if err != nil || len(got.Entries) != len(d.Entries) {
		return nil, nil, left, errors.Join(errors.New("the edit would not be readable"), err)
	}
	for i, e := range d.Entries {
		now := got.Entries[i]
		if changed := slices.Contains(chosen, e); now.Name != e.Name || changed && !now.Wrapped || !changed && !bytes.Equal(got.raw(now.holder), d.raw(e.holder)) {
			return nil, nil, left, fmt.Errorf("the edit would change %q in another way", e.Name)
		}
	}
	return data, chosen, left, nil
}

// remoteKey is what a server started through mcp-remote says, but for the wrapper before it.
func (d *Document) remoteKey(e *Entry) string {
	parts := append([]string{e.Scope, e.Name, e.Command}, e.Args...)
	for _, m := range e.holder.members {
		if m.name != "command" && m.name != "args" {
			parts = append(parts, string(d.body[m.key:m.value.end]))
		}
	}
	return strings.Join(parts, "\x00")
}

// WriteRemotes is Write for what Remotes returned.
func (c *Config) WriteRemotes(backups string, data []byte, chosen []*Entry, now time.Time) (Written, error) {
	got, err := Parse(data, c.Doc.format, c.Doc.pointers)
	if err != nil {
		return Written{}, err
	}
	var changes []remoteChange
	for i, e := range c.Doc.Entries {
		if slices.Contains(chosen, e) {
			changes = append(changes, remoteChange{string(c.Doc.raw(e.holder)), got.remoteKey(got.Entries[i])})
		}
	}
	return c.write(backups, true, data, chosen, changes, now)
}

// Undo is Document.Unwrap, after which the remote servers that WriteRemotes changed are
// as they were.
func (c *Config) Undo(pick func(*Entry) bool, backups ...string) ([]byte, []*Entry, error) {
	d := c.Doc
	was := map[string]string{}
	eachManifest(backups, func(_ string, m manifest) {
		for _, r := range m.Remotes {
			if m.Path == c.real {
				was[r.Now] = r.Was
			}
		}
	})
	var edits []edit
	back := map[int]bool{}
	for i, e := range d.Entries {
		if d.format != JSON || !e.Wrapped || e.Reason != "" || !pick(e) {
			continue
		}
		if old, ok := was[d.remoteKey(e)]; ok {
			back[i] = true
			edits = append(edits, edit{e.holder.start, e.holder.end, []byte(old)})
		}
	}
	if len(back) == 0 {
		return d.Unwrap(pick)
	}
	data, err := d.spliced(edits)
	if err != nil {
		return nil, nil, err
	}
	then, err := Parse(data, d.format, d.pointers)
	if err != nil || len(then.Entries) != len(d.Entries) {
		return nil, nil, errors.Join(errors.New("the edit would not be readable"), err)
	}
	var chosen []*Entry
	rest := map[*Entry]bool{}
	for i, e := range d.Entries {
		switch {
		case back[i]:
			chosen = append(chosen, e)
		case pick(e) && e.Wrapped && e.Reason == "":
			chosen, rest[then.Entries[i]] = append(chosen, e), true
		}
	}
	data, _, err = then.Unwrap(func(e *Entry) bool { return rest[e] })
	return data, chosen, err
}

// URL is where a remote server is; "" if that is not known.
func (e *Entry) URL() string {
	if !e.Remote || e.holder == nil {
		return ""
	}
	return e.holder.get("url").says()
}
