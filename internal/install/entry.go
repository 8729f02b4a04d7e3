package install

import (
	"slices"
	"strings"
)

// A Pointer is the way to a map (or list) of servers: names of members, "*" for
// any.
type Pointer []string

// An Entry is a server in a configuration.
type Entry struct {
	Name     string
	Scope    string   // what "*" of the pointer means: Claude Code's project
	Command  string   // as the file has it; of a wrapped one the old command
	Args     []string // as the file has them; of a wrapped one the old ones
	Wrapped  bool     // signet-wrap wraps it
	Wrapper  string   // path of signet-wrap, if wrapped; or of npx
	Package  []string // what npx is told before the flags: -y signet-wrap
	Flags    []string // of signet-wrap, before the "--"
	Env      map[string]string
	Remote   bool
	Disabled bool
	NoDashes bool // it runs signet-wrap with a command and no "--" before it
	// Why it is not to be wrapped (or unwrapped), for a person; "" if it is.
	Reason string
	Manual bool // nothing speaks against wrapping it but how the file is written

	holder   *node // the table with command and args
	command  *node // text, or the list of opencode
	args     *node // nil if there is none
	argsName string
	cmdName  string
	old      int // wrapped: index of the old command in the list of arguments
}

// find lists the entries at the pointers.
func (d *Document) find() {
	for _, p := range d.pointers {
		d.walk(d.root, p, nil, "", d.root.shared)
	}
}

func (d *Document) walk(n *node, p Pointer, way []string, scope string, shared bool) {
	if n == nil {
		return
	}
	shared = shared || n.shared
	if len(p) > 0 {
		for _, m := range n.members {
			switch {
			case p[0] == "*":
				d.walk(m.value, p[1:], append(way, "*"), m.name, shared)
			case p[0] == m.name:
				d.walk(m.value, p[1:], append(way, m.name), scope, shared)
			}
		}
		return
	}
	d.reached = d.reached || n.kind == table || n.kind == list
	add := func(name string, v *node) {
		e := read(v)
		e.Name, e.Scope = name, scope
		if !e.Remote && (shared || v.anyShared()) {
			e.Reason, e.Manual = "it has YAML anchors or aliases, which other places may share", e.Command != ""
		}
		d.Entries = append(d.Entries, e)
	}
	for _, m := range n.members {
		// opencode 2 has its servers in mcp.servers, version 1 in mcp.
		deeper := slices.ContainsFunc(d.pointers, func(q Pointer) bool {
			return slices.Equal(q, append(slices.Clone(way), m.name))
		})
		if !deeper || m.value.get("command") != nil {
			add(m.name, m.value)
		}
	}
	for _, v := range n.elems { // Continue
		add(v.get("name").says(), v)
	}
}

// read makes an entry of what a client has for a server.
func read(n *node) *Entry {
	e := &Entry{
		holder:   n,
		Disabled: n.get("disabled").is("true") || n.get("enabled").is("false"),
	}
	if t := n.transport(); t != nil {
		e.holder = t
	}
	e.readEnv()
	kind := e.holder.get("type").says()
	e.cmdName, e.argsName = "command", "args"
	e.command = e.holder.get("command")
	if e.command == nil && n.get("cmd") != nil { // Goose
		e.cmdName, e.command = "cmd", n.get("cmd")
	}
	if e.command != nil && e.command.kind == table { // Zed, until 2025
		e.holder, e.cmdName = e.command, "path"
		e.command = e.holder.get("path")
	}
	switch {
	case n.kind != table:
		e.Reason = "it is not a server"
	case isRemote(e.holder, kind, e.command != nil):
		e.Remote, e.Reason = true, "remote: there is no process to wrap"
	case e.command == nil && n.get("source").says() == "extension":
		e.Reason = "it belongs to an extension, which starts it"
	case e.command == nil && slices.Contains([]string{"builtin", "platform", "frontend", "inline_python"}, kind):
		e.Reason = "it is built into the client"
	case e.command == nil:
		e.Reason = "it has no command"
	case e.command.kind == list:
		e.readList()
	case e.command.kind != str || e.command.value == "":
		e.Reason = "its command is not text"
	default:
		e.readPair()
	}
	if why := unfit(n); why != "" && e.Reason == "" && !e.Wrapped {
		e.Reason = why
	}
	return e
}

// transport is the table that has the command, or the URL, where the server itself
// has none: Cline writes that since version 3, and reads both.
func (n *node) transport() *node {
	if t := n.get("transport"); t != nil && t.kind == table && n.get("command") == nil {
		return t
	}
	return nil
}

// unfit says why the client could not start the server through another program.
func unfit(n *node) string {
	debug := n.get("dev").get("debug")
	if debug == nil {
		debug = n.get("dev.debug")
	}
	switch {
	case n.get("sandboxEnabled").is("true") || n.get("sandbox") != nil && !n.get("sandbox").is("false"):
		return "it runs in a sandbox, from which the log cannot be written"
	case debug != nil && !debug.is("false") && !debug.is("null"):
		return `it has "dev.debug": the client's debugger attaches to the program that it starts, which would be signet-wrap`
	}
	return ""
}

func isRemote(n *node, kind string, hasCommand bool) bool {
	if slices.Contains([]string{"http", "sse", "streamable-http", "streamable_http", "streamableHttp", "remote", "ws"}, kind) {
		return true
	}
	for _, name := range urlNames {
		if n.get(name) != nil && !hasCommand {
			return true
		}
	}
	return false
}

// envNames are the members that hold a server's environment: what is in it may
// be secret.
var envNames = []string{"env", "envs", "environment"}

func (e *Entry) readEnv() {
	for _, name := range envNames {
		if env := e.holder.get(name); env != nil {
			e.Env = make(map[string]string)
			for _, m := range env.members {
				e.Env[m.name] = m.value.says()
			}
		}
	}
}

// uncut is the reason of what reads well but is written in a way whose bytes
// cannot be placed, or would mean something else in a list.
const uncut = "it is written in a way that is not to be cut"

// readPair reads a command with its args beside it.
func (e *Entry) readPair() {
	e.Command, e.args = e.command.value, e.holder.get(e.argsName)
	if e.args != nil && e.args.kind != list {
		e.Reason = "its args are not a list"
		return
	}
	var elems []*node
	if e.args != nil {
		elems = e.args.elems
	}
	if from, ok := runsWrapper(e.Command, values(elems)); ok {
		e.readWrapped(elems, 0, from)
		return
	}
	e.Args = values(elems)
	first, _, spaced := strings.Cut(e.Command, " ")
	switch {
	case startsWrapper(e.Args):
		e.Reason = indirect
	case spaced && !strings.ContainsAny(first, `/\`):
		// "npx -y server": some clients give it to a shell. A path may have spaces.
		e.Reason = "its command holds arguments, which only the client takes apart"
	case strings.HasPrefix(e.Command, "~"):
		e.Reason = "its command begins with ~, which only the client replaces"
	case e.command.end < 0 || len(elems) > 0 && !e.args.cuttable():
		e.Reason, e.Manual = uncut, true
	}
}

// readList reads a command that is a list with its arguments.
func (e *Entry) readList() {
	e.args = e.command
	elems := e.command.elems
	if len(elems) == 0 || elems[0].says() == "" {
		e.Reason = "its command is empty"
		return
	}
	e.Command = elems[0].value
	e.Args = values(elems[1:])
	if from, ok := runsWrapper(e.Command, e.Args); ok {
		e.readWrapped(elems, 1, 1+from)
		return
	}
	switch {
	case startsWrapper(e.Args):
		e.Reason = indirect
	case !e.command.cuttable():
		e.Reason, e.Manual = uncut, true
	}
}

// readWrapped reads the arguments of e.Command, which begin at index args, and those
// of signet-wrap at index from.
func (e *Entry) readWrapped(elems []*node, args, from int) {
	all := values(elems)
	i := slices.Index(all, "--")
	switch {
	case i >= from && i+1 < len(all) && (i == from || strings.HasPrefix(all[from], "-")):
	default:
		e.Args = all[min(args, len(all)):]
		e.Reason = "it runs signet-wrap, but not in front of a server"
		if i < 0 && slices.ContainsFunc(all[min(from, len(all)):], func(a string) bool { return !strings.HasPrefix(a, "-") }) {
			e.NoDashes = true
		}
		return
	}
	e.Wrapped, e.Wrapper, e.Package, e.Flags, e.old = true, e.Command, all[args:from], all[from:i], i+1
	e.Command, e.Args = all[i+1], all[i+2:]
	if !e.args.cuttable() || elems[e.old].kind != str || elems[e.old].end < 0 || e.command.end < 0 && args == 0 {
		e.Reason, e.Manual = uncut, true
	}
}

// cuttable says whether something can be put before the list's first element.
func (n *node) cuttable() bool {
	if len(n.elems) == 0 {
		return n.flow && n.start >= 0
	}
	return (n.flow || n.dash != "") && n.elems[0].start >= 0
}

func values(elems []*node) []string {
	var out []string
	for _, e := range elems {
		out = append(out, e.value)
	}
	return out
}

// indirect is the reason of a server that would be wrapped twice.
const indirect = "it starts signet-wrap by way of another program"

// startsWrapper says whether a command with these arguments starts signet-wrap in
// front of a server, as "env A=b signet-wrap -- x" does, and a shell's "-c".
func startsWrapper(args []string) bool {
	words := strings.Fields(strings.Join(args, " "))
	i := slices.IndexFunc(words, isWrapper)
	return i >= 0 && slices.Contains(words[i:], "--")
}

// isWrapper says whether command is signet-wrap, wherever it is.
func isWrapper(command string) bool {
	base := baseOf(command)
	return base == "signet-wrap" || strings.EqualFold(base, "signet-wrap.exe") || strings.HasPrefix(base, "signet-wrap@")
}

// runsWrapper says whether command is signet-wrap, or npx that is told to run it, and
// where among the arguments signet-wrap's own begin.
func runsWrapper(command string, args []string) (from int, ok bool) {
	if isWrapper(command) {
		return 0, true
	}
	switch strings.ToLower(baseOf(command)) {
	case "npx", "npx.cmd", "bunx", "pnpx", "pnpx.cmd":
	default:
		return 0, false
	}
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			return i + 1, isWrapper(a)
		}
		if !slices.Contains([]string{"-y", "--yes", "--offline", "--prefer-offline", "-q", "--quiet"}, a) {
			break // others may have a value
		}
	}
	return 0, false
}

// baseOf is the last part of a path. The file may have come from another system,
// hence both slashes.
func baseOf(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }
