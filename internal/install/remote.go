package install

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	Was string `json:"was"` // its bytes, of its members from the first to the last in Members
	Now string `json:"now"` // what it became: see remoteKey
	// Members are those that are in the place of Was, in their order. None: Was is the
	// whole entry, in JSON.
	Members []string `json:"members,omitempty"`
}

// A reach is how a server is reached through mcp-remote.
type reach struct {
	args []string // after the wrapper's flags
	// headers are the values of headers: each is in the environment under its name.
	headers []header
	pass    []string // variables of the client that headers have, for Codex's env_vars
	gone    []string // names of members that mcp-remote takes the place of
}

// A header is a value that is to be in the environment.
type header struct {
	variable, name string
	value          *node
}

// gooseHeader is a header of Goose with a variable in it, and with nothing that is secret.
var gooseHeader = regexp.MustCompile(`^((?:Bearer |Basic |[Tt]oken )?)\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))$`)

var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`) // mcp-remote drops all others

// reach reads how e is reached. The error says why that cannot be put to mcp-remote.
func (e *Entry) reach() (*reach, error) {
	n := e.holder
	place := e.url()
	url, kind := place.says(), n.get("type").says()
	scheme, rest, _ := strings.Cut(url, "://")
	isHTTP := strings.EqualFold(scheme, "http")
	authority, _, _ := strings.Cut(rest, "/")
	switch {
	case e.Reason != "" && !e.Remote:
		return nil, errors.New(e.Reason)
	case !isHTTP && !strings.EqualFold(scheme, "https") || strings.ContainsFunc(url, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return nil, errors.New("it has no http or https URL, or two")
	case redact.Argument(url) != url || strings.Contains(authority, "@"):
		return nil, errors.New("its URL has a secret, which would be in a command line, for all users of this machine to see")
	case n.get("headersHelper") != nil:
		return nil, errors.New(`its headers come from a program, "headersHelper", which mcp-remote does not run`)
	case !slices.Contains([]string{"", "http", "sse", "streamable-http", "streamable_http", "streamableHttp", opencodeRemote}, kind):
		return nil, fmt.Errorf("its type is %q", kind)
	case n.get("command") != nil || n.get("args") != nil || n.get("cmd") != nil:
		return nil, errors.New("it has a command, too")
	}
	r := &reach{args: []string{"npx", "-y", RemoteProgram, url}, gone: append([]string{"type"}, urlNames...)}
	if kind == "sse" {
		r.args = append(r.args, "--transport", "sse-only")
	}
	if isHTTP {
		r.args = append(r.args, "--allow-http") // as the entry does; mcp-remote asks
	}
	for _, name := range slices.Concat(envNames, []string{"headers", "http_headers", "env_http_headers", "requestOptions"}) {
		if !isTable(n.get(name)) {
			return nil, fmt.Errorf("its %q is no table", name)
		}
	}
	seen := map[string]bool{}
	add := func(name, value string) error {
		if !headerName.MatchString(name) {
			return fmt.Errorf("%q is no name of a header that mcp-remote takes", name)
		}
		if seen[strings.ToLower(name)] {
			return fmt.Errorf("it has the header %q twice", name)
		}
		seen[strings.ToLower(name)] = true
		r.args = append(r.args, "--header", name+":"+value)
		return nil
	}
	number := 0
	tables := []string{"headers", "http_headers"}
	for _, m := range n.get("requestOptions").all() { // Continue
		if m.name != "headers" || !isTable(m.value) {
			return nil, fmt.Errorf("mcp-remote has nothing for its requestOptions.%s", m.name)
		}
		tables = append(tables, "")
	}
	for _, table := range tables {
		headers := n.get(table)
		if table == "" {
			headers, table = n.get("requestOptions").get("headers"), "requestOptions"
		}
		if n.get(table) != nil {
			r.gone = append(r.gone, table)
		}
		for _, h := range headers.all() {
			if h.value.kind != str {
				return nil, fmt.Errorf("its header %q is not text", h.name)
			}
			if strings.ContainsFunc(h.value.says(), func(c rune) bool { return unicode.IsControl(c) && c != '\t' }) {
				return nil, fmt.Errorf("the value of its header %q is no value of a header", h.name)
			}
			if n.get("uri") != nil && strings.Contains(h.value.says(), "$") { // Goose puts its envs into headers
				m := gooseHeader.FindStringSubmatch(h.value.says())
				if m == nil {
					return nil, fmt.Errorf("its header %q has variables and other text, and Goose has variables in headers only", h.name)
				}
				if err := add(h.name, m[1]+"${"+m[2]+m[3]+"}"); err != nil {
					return nil, err
				}
				continue
			}
			variable := ""
			for variable == "" || e.hasVariable(variable) {
				number++
				variable = fmt.Sprintf("SIGNET_HEADER_%d", number)
			}
			if err := add(h.name, "${"+variable+"}"); err != nil {
				return nil, err
			}
			r.headers = append(r.headers, header{variable, h.name, h.value})
		}
	}
	// Codex
	pass := func(variable, name, before string) error {
		if !variableName.MatchString(variable) {
			return fmt.Errorf("%q is no name of a variable", variable)
		}
		r.pass = append(r.pass, variable)
		return add(name, before+"${"+variable+"}")
	}
	if headers := n.get("env_http_headers"); headers != nil {
		r.gone = append(r.gone, "env_http_headers")
		for _, h := range headers.all() {
			if err := pass(h.value.says(), h.name, ""); err != nil {
				return nil, err
			}
		}
	}
	if token := n.get("bearer_token_env_var"); token != nil {
		r.gone = append(r.gone, "bearer_token_env_var")
		if err := pass(token.says(), "Authorization", "Bearer "); err != nil {
			return nil, err
		}
	}
	return r, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// hasVariable says whether the entry's environment has a variable of that name, in any
// case: on Windows that is the same.
func (e *Entry) hasVariable(name string) bool {
	for has := range e.Env {
		if strings.EqualFold(has, name) {
			return true
		}
	}
	return false
}

// opencodeRemote is the type of remote servers of opencode and Kilo Code, whose others have
// the type "local", their whole command in one list, and variables in "environment".
const opencodeRemote = "remote"

// urlNames are the members that clients have URLs in.
var urlNames = []string{"url", "serverUrl", "httpUrl", "uri"}

// url is the member that has the URL; nil if there is none, or another one.
func (e *Entry) url() (url *node) {
	for _, name := range urlNames {
		if u := e.holder.get(name); u != nil && url != nil {
			return nil
		} else if u != nil {
			url = u
		}
	}
	return url
}

// remote is the edit that has e reached through mcp-remote, and the names of the members
// that are then in its place; none of a whole entry, in JSON.
func (d *Document) remote(e *Entry, w Wrapper) (edit, []string, error) {
	r, err := e.reach()
	if err != nil {
		return edit{}, nil, err
	}
	r.args = append(w.ahead(), r.args...)
	if d.format != JSON {
		return d.remoteMembers(e, w, r)
	}
	n := e.holder
	opencode := n.get("type").says() == opencodeRemote
	if mcp := d.root.get("mcp"); opencode && mcp.get(e.Name) != n && mcp.get("servers").get(e.Name) != n {
		return edit{}, nil, fmt.Errorf("its type is %q", opencodeRemote)
	}
	list := func(s ...string) string { return "[" + string(bytes.Join(literals(s...), []byte(","))) + "]" }
	members := []string{`"command":` + string(canon.AppendString(nil, w.Path)), `"args":` + list(r.args...)}
	envName := "env"
	if opencode {
		members = []string{`"type":"local"`, `"command":` + list(append([]string{w.Path}, r.args...)...)}
		envName = "environment"
	}
	var env []string
	for _, h := range r.headers {
		env = append(env, `"`+h.variable+`":`+string(d.raw(h.value)))
	}
	for _, m := range n.members {
		switch {
		case slices.Contains(r.gone, m.name):
		case m.name == envName:
			for _, v := range m.value.all() {
				env = append(env, string(d.body[v.key:v.value.end]))
			}
		default:
			members = append(members, string(d.body[m.key:m.value.end]))
		}
	}
	if len(env) > 0 {
		members = append(members, `"`+envName+`":{`+strings.Join(env, ",")+`}`)
	}
	return edit{n.start, n.end, []byte("{" + strings.Join(members, ",") + "}")}, nil, nil
}

// written are the members that take the place of those that are gone, in TOML and YAML.
func (d *Document) written(e *Entry, w Wrapper, r *reach, value func(header) string) (names, values []string) {
	add := func(name, value string) { names, values = append(names, name), append(values, value) }
	list := func(s []string) string { return "[" + string(bytes.Join(literals(s...), []byte(", "))) + "]" }
	goose := e.holder.get("uri") != nil
	command, env := "command", "env"
	if goose {
		command, env = "cmd", "envs"
	}
	if e.holder.get("type") != nil {
		add("type", `"stdio"`)
	}
	add(command, string(literals(w.Path)[0]))
	add("args", list(r.args))
	if len(r.headers) > 0 {
		between := map[Format]string{TOML: " = ", YAML: ": "}[d.format]
		var all []string
		for _, h := range r.headers {
			all = append(all, h.variable+between+value(h))
		}
		for _, m := range e.holder.get(env).all() {
			all = append(all, m.name+between+value(header{m.name, m.name, m.value}))
		}
		add(env, "{ "+strings.Join(all, ", ")+" }")
	}
	if len(r.pass) > 0 {
		add("env_vars", list(r.pass))
	}
	return names, values
}

// remoteMembers is remote in TOML and YAML: all from the first member that goes to the
// last is written again.
func (d *Document) remoteMembers(e *Entry, w Wrapper, r *reach) (edit, []string, error) {
	uncuttable := errors.New(uncut)
	if n := e.holder.get("env_vars"); n != nil && len(n.elems) > 0 && len(r.pass) > 0 {
		return edit{}, nil, uncuttable // one would have to be added to it
	}
	for _, name := range envNames {
		for _, m := range e.holder.get(name).all() { // they are written again, beside the headers
			if len(r.headers) > 0 && (!variableName.MatchString(m.name) || m.value.kind != str) {
				return edit{}, nil, uncuttable
			}
		}
	}
	if e.holder.anyShared() {
		return edit{}, nil, uncuttable
	}
	names, values := d.written(e, w, r, func(h header) string { return string(literals(h.value.says())[0]) })
	for _, name := range names { // such as an empty one
		if e.holder.get(name) != nil && !slices.Contains(r.gone, name) {
			r.gone = append(r.gone, name)
		}
	}
	start, end := -1, -1
	for _, m := range e.holder.members {
		if !slices.Contains(r.gone, m.name) {
			continue
		}
		last := d.endOf(m.value)
		if last < 0 || m.key <= 0 || m.prefix != "" {
			return edit{}, nil, uncuttable
		}
		if start < 0 || m.key < start {
			start = m.key
		}
		end = max(end, last)
	}
	if start < 0 {
		return edit{}, nil, uncuttable
	}
	is := map[Format]string{TOML: " = ", YAML: ": "}[d.format]
	between := ", "
	if !e.holder.flow {
		line := bytes.LastIndexByte(d.body[:start], '\n') + 1
		indent := bytes.Repeat([]byte(" "), utf8.RuneCount(d.body[line:start])) // "- " of a list, too
		between = d.newline(start) + string(indent)
	}
	var all []string
	for i, name := range names {
		all = append(all, name+is+values[i])
	}
	for _, m := range e.holder.members {
		if slices.Contains(r.gone, m.name) || m.key < start || m.key > end {
			continue
		}
		last := d.endOf(m.value)
		if last < 0 || m.prefix != "" {
			return edit{}, nil, uncuttable
		}
		names = append(names, m.name)
		all = append(all, string(d.body[m.key:last]))
	}
	return edit{start, end, []byte(strings.Join(all, between))}, names, nil
}

// endOf is where a value ends, -1 if that is not known.
func (d *Document) endOf(n *node) int {
	if n.end >= 0 || d.format != YAML {
		return n.end
	}
	end, closing := n.start, byte(']')
	if n.kind == table {
		closing = '}'
	}
	if n.flow {
		end = n.start + 1
	}
	for _, m := range n.members {
		if end = d.endOf(m.value); end < 0 {
			return -1
		}
	}
	for _, v := range n.elems {
		if end = d.endOf(v); end < 0 {
			return -1
		}
	}
	if !n.flow {
		if len(n.members)+len(n.elems) == 0 {
			return -1
		}
		return end
	}
	for ; end < len(d.body); end++ {
		switch d.body[end] {
		case ' ', '\t', '\r', '\n', ',':
		case closing:
			return end + 1
		default:
			return -1
		}
	}
	return -1
}

// RemoteByHand is what a person writes in the place of what is gone, with the values of
// headers left out; nil if mcp-remote does not reach the server.
func (c *Config) RemoteByHand(e *Entry, w Wrapper) []string {
	r, err := e.reach()
	if err != nil || c.Doc.format == JSON {
		return nil
	}
	r.args = append(w.ahead(), r.args...)
	names, values := c.Doc.written(e, w, r, func(h header) string { return string(literals("(the value of " + h.name + ")")[0]) })
	var lines []string
	for i, name := range names {
		lines = append(lines, name+map[Format]string{TOML: " = ", YAML: ": "}[c.Doc.format]+values[i])
	}
	return lines
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
	left, c.remotes = make(map[*Entry]error), make(map[*Entry]remoteChange)
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
		ed, members, err := d.remote(e, w)
		if err != nil {
			left[e] = err
			continue
		}
		chosen = append(chosen, e)
		c.remotes[e] = remoteChange{Was: string(d.body[ed.start:ed.end]), Members: members}
		edits = append(edits, ed)
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
		if changed := slices.Contains(chosen, e); now.Name != e.Name || changed && !now.Wrapped || !changed && !now.holder.equal(e.holder) {
			return nil, nil, left, fmt.Errorf("the edit would change %q in another way", e.Name)
		}
	}
	return data, chosen, left, nil
}

// remoteKey is what a server started through mcp-remote says, but for the wrapper before
// it: all members, or those with the given names, and where they are. It is "" if there
// are others between them.
func (d *Document) remoteKey(e *Entry, names []string) (key string, place edit) {
	parts := append([]string{e.Scope, e.Name, e.Command}, e.Args...)
	if names == nil {
		for _, m := range e.holder.members {
			if m.name != "command" && m.name != "args" {
				parts = append(parts, string(d.body[m.key:m.value.end]))
			}
		}
		return strings.Join(parts, "\x00"), edit{start: e.holder.start, end: e.holder.end}
	}
	place.start = -1
	for _, m := range e.holder.members {
		if len(names) == 0 {
			break
		}
		last := d.endOf(m.value)
		switch {
		case m.name == names[0] && last >= 0:
			if place.start < 0 {
				place.start = m.key
			}
			names, place.end = names[1:], last
			if m.value != e.command && m.value != e.args {
				parts = append(parts, string(d.body[m.key:last]))
			}
		case place.start >= 0:
			return "", place
		}
	}
	if len(names) > 0 || place.start < 0 {
		return "", place
	}
	return strings.Join(parts, "\x00"), place
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
			change := c.remotes[e]
			change.Now, _ = got.remoteKey(got.Entries[i], change.Members)
			changes = append(changes, change)
		}
	}
	return c.write(backups, true, data, chosen, changes, now)
}

// Undo is Document.Unwrap, after which the remote servers that WriteRemotes changed are
// as they were.
func (c *Config) Undo(pick func(*Entry) bool, backups ...string) ([]byte, []*Entry, error) {
	d := c.Doc
	var changes []remoteChange
	eachManifest(backups, func(_ string, m manifest) {
		if m.Path == c.real {
			changes = append(changes, m.Remotes...)
		}
	})
	slices.Reverse(changes) // the newest counts
	var edits []edit
	back := map[int]bool{}
	for i, e := range d.Entries {
		if !e.Wrapped || e.Reason != "" || !pick(e) {
			continue
		}
		for _, r := range changes {
			if d.format == JSON && r.Members != nil || d.format != JSON && r.Members == nil {
				continue
			}
			if key, place := d.remoteKey(e, r.Members); key != "" && key == r.Now {
				place.text = []byte(r.Was)
				edits, back[i] = append(edits, place), true
				break
			}
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
	return e.url().says()
}
