package install

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// Hooks say where a client's hooks are configured, in JSON, and which of them record
// its own tools. The file has, maybe among much else:
//
//	{"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "…"}]}]}}
//
// What is added to something empty that was there begins with a space, which tells it
// from what was made with it. So the way back leads to the same bytes.
type Hooks struct {
	Client    string // its name
	Label     string
	File      string // as a template of Client.Files
	Matcher   string // "": its hooks need none
	Before    []string
	After     []string
	OnFailure string // of those in Before; "": the client has no such setting

	// Other files in which hooks can be switched off: an administrator's, as templates of
	// Client.Managed, and those in the directory of a project.
	Managed, Project []string
}

// hookTimeout is the timeout in the client, in seconds. The hook itself gives up before.
const hookTimeout = 60

// A HookFile is a file with hooks that was read. It may not exist yet.
type HookFile struct {
	Hooks Hooks
	Path  string
	There bool // it exists
	Err   error

	data []byte
	doc  *Document
	real string
}

// Path is where the client has its hooks on this system.
func (h Hooks) Path(s System) string { return s.expand(h.File)[0] }

// Open reads the file of h. It never fails: see HookFile.Err.
func (h Hooks) Open(s System) *HookFile {
	f := &HookFile{Hooks: h, Path: h.Path(s)}
	f.Err = func() (err error) {
		if f.real, err = filepath.EvalSymlinks(f.Path); errors.Is(err, fs.ErrNotExist) {
			f.real, f.doc = f.Path, &Document{root: &node{kind: table}}
			return nil
		}
		if err != nil {
			return err
		}
		f.There = true
		if f.data, err = readBounded(f.real); err != nil {
			return err
		}
		f.doc, err = Parse(f.data, JSON, nil)
		return err
	}()
	return f
}

// Installed are the events for which the file has a hook of this program, and the
// commands of these, in the file's order.
func (f *HookFile) Installed() (events, commands []string) {
	if f.Err != nil {
		return nil, nil
	}
	for _, m := range f.doc.root.get("hooks").all() {
		for _, group := range m.value.elems {
			for _, handler := range group.get("hooks").list() {
				if command := handler.get("command").says(); isHook(command) {
					events, commands = append(events, m.name), append(commands, command)
				}
			}
		}
	}
	return events, commands
}

// Lacks are the events that the file should have a hook for and has none.
func (f *HookFile) Lacks() (events []string) {
	has, _ := f.Installed()
	for _, e := range slices.Concat(f.Hooks.Before, f.Hooks.After) {
		if !slices.Contains(has, e) {
			events = append(events, e)
		}
	}
	return events
}

// Off says why no hook in the file runs; "" if they run.
func (f *HookFile) Off() string {
	return switchedOff(f.doc.root, "it")
}

// switchedOff says whether the settings in a file switch all hooks off.
func switchedOff(root *node, file string) string {
	if off := root.get("disableAllHooks"); off != nil && !off.is("false") { // of Claude Code
		return `"disableAllHooks" in ` + file + " switches all hooks off"
	}
	return ""
}

// OffElsewhere says why no hook in the file runs, by an administrator's file or by one of a
// project; "" if they run, for all that can be read of these files.
func (f *HookFile) OffElsewhere(s System, projects []string) string {
	var files []string
	for _, t := range f.Hooks.Managed {
		files = append(files, s.expand(t)...)
	}
	managed := len(files)
	for _, dir := range projects {
		for _, name := range f.Hooks.Project {
			files = append(files, filepath.Join(dir, name))
		}
	}
	for i, path := range files {
		// Whoever asks does not wait for what a project has made large.
		if st, err := os.Stat(path); err != nil || st.Size() > maxSettings {
			continue
		}
		data, err := readBounded(path)
		if err != nil {
			continue
		}
		doc, err := Parse(data, JSON, nil)
		if err != nil {
			continue
		}
		if off := switchedOff(doc.root, path); off != "" {
			return off
		}
		if only := doc.root.get("allowManagedHooksOnly"); i < managed && only != nil && !only.is("false") { // of Claude Code
			return `by "allowManagedHooksOnly" in ` + path + " only hooks in an administrator's files run"
		}
	}
	return ""
}

// maxSettings is the maximum size of a file that OffElsewhere reads.
const maxSettings = 1 << 20

// Problem says why the hooks that are installed record less than all uses of tools, or
// let a tool run that is not recorded; "" if they do neither. Whoever can write the file
// can leave a hook in it that does nothing.
func (f *HookFile) Problem(system string) string {
	if lacks := f.Lacks(); len(lacks) > 0 {
		return "there is no hook for " + strings.Join(lacks, ", ")
	}
	for _, event := range slices.Concat(f.Hooks.Before, f.Hooks.After) {
		if why := f.fault(event, system); why != "" {
			return "the hook for " + event + " " + why
		}
	}
	return ""
}

// fault is the first thing that is wrong with the last hook of this program for an
// event, unless one of them is as it should be.
func (f *HookFile) fault(event, system string) (why string) {
	for _, group := range f.doc.root.get("hooks").get(event).list() {
		for _, handler := range group.get("hooks").list() {
			if isHook(handler.get("command").says()) {
				if why = f.Hooks.fault(group, handler, slices.Contains(f.Hooks.Before, event), system); why == "" {
					return ""
				}
			}
		}
	}
	return why
}

func (h Hooks) fault(group, handler *node, before bool, system string) string {
	if m := group.get("matcher"); m != nil && !slices.Contains([]string{"", "*", ".*"}, m.says()) {
		return fmt.Sprintf("is only for tools that match %q", m.says())
	}
	for _, m := range handler.members {
		if !slices.Contains([]string{"type", "command", "timeout", "onFailure", "statusMessage"}, m.name) {
			return fmt.Sprintf("has %q, by which it may not run, or not block", m.name)
		}
	}
	if seconds := handler.get("timeout"); seconds != nil {
		if n, err := strconv.ParseFloat(seconds.value, 64); err != nil || n < hookTimeout {
			return fmt.Sprintf("has a timeout of less than %d seconds", hookTimeout)
		}
	}
	if before && handler.get("onFailure").says() != h.OnFailure {
		return fmt.Sprintf("has no \"onFailure\": %q", h.OnFailure)
	}
	command := handler.get("command").says()
	if program, flags := HookOf(command); HookCommand(Wrapper{Path: program, Flags: flags}, h.Client, system, before) != command {
		return fmt.Sprintf("runs something else than `install --hooks` writes: %.200s", command)
	}
	return ""
}

func (n *node) all() []member {
	if n == nil {
		return nil
	}
	return n.members
}

func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.elems
}

// isHook says whether a command of a shell runs signet-wrap's verb hook.
func isHook(command string) bool {
	words := shellWords(command)
	return len(words) > 1 && isWrapper(words[0]) && words[1] == "hook"
}

// HookOf is the program that a hook's command runs, and its flags after --client.
func HookOf(command string) (program string, flags []string) {
	words := shellWords(command)
	if len(words) == 0 {
		return "", nil
	}
	if n := len(words) - 3; n > 0 && slices.Equal(words[n:], blocking) {
		words = words[:n]
	}
	return words[0], words[min(4, len(words)):]
}

// blocking ends the command of a hook before a tool.
var blocking = []string{"||", "exit", "2"}

// shellWords are the words of a simple command, without the quotes around them, as
// quoteWord writes them.
func shellWords(command string) (words []string) {
	word, in, quote := "", false, rune(0)
	for i, r := range command {
		switch {
		case quote == 0 && r == '\\' && strings.HasPrefix(command[i:], `\'`): // the next is no quote
			quote = -1
		case quote == -1:
			word, in, quote = word+string(r), true, 0
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, in = r, true
		case quote == 0 && r == ' ':
			if in {
				words = append(words, word)
			}
			word, in = "", false
		default:
			word, in = word+string(r), true
		}
	}
	if in {
		words = append(words, word)
	}
	return words
}

// quoteWord is a word for a shell of the system.
func quoteWord(word, system string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,="
	if system == "windows" {
		word = strings.ReplaceAll(word, `\`, "/") // the shell may be cmd, bash or PowerShell
	}
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	if system == "windows" {
		return `"` + word + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// HookCommand is the command of the hooks of a client. One before a tool ends with 2,
// by which the tool does not run, also if the program is missing or is killed.
func HookCommand(w Wrapper, client, system string, before bool) string {
	words := []string{quoteWord(w.Path, system), "hook", "--client", client}
	for _, f := range w.Flags {
		words = append(words, quoteWord(f, system))
	}
	if before {
		words = append(words, blocking...)
	}
	return strings.Join(words, " ")
}

// group is the hook for one event, as JSON.
func (h Hooks) group(command, onFailure string) string {
	var b strings.Builder
	b.WriteString("{")
	if h.Matcher != "" {
		fmt.Fprintf(&b, `"matcher":%s,`, canon.AppendString(nil, h.Matcher))
	}
	fmt.Fprintf(&b, `"hooks":[{"type":"command","command":%s,"timeout":%d`, canon.AppendString(nil, command), hookTimeout)
	if onFailure != "" {
		fmt.Fprintf(&b, `,"onFailure":%s`, canon.AppendString(nil, onFailure))
	}
	b.WriteString("}]}")
	return b.String()
}

// With is the file with the hooks in it, in place of those of this program that are
// there. An error means that the file is to be edited by hand.
func (f *HookFile) With(w Wrapper, system string) ([]byte, error) {
	if off := f.Off(); off != "" {
		return nil, errors.New(off)
	}
	data, err := f.Without()
	if err != nil {
		return nil, err
	}
	d, err := Parse(data, JSON, nil)
	if err != nil {
		return nil, err
	}
	out, err := f.Hooks.add(d, func(before bool) string { return HookCommand(w, f.Hooks.Client, system, before) })
	if err != nil {
		return nil, err
	}
	// The way back must lead to the same bytes.
	again := &HookFile{Hooks: f.Hooks, data: out}
	if again.doc, err = Parse(out, JSON, nil); err != nil {
		return nil, fmt.Errorf("the edit would not be readable: %w", err)
	}
	back, err := again.Without()
	if err != nil || !bytes.Equal(back, data) || len(again.Lacks()) > 0 {
		return nil, errors.Join(errors.New("taking the hooks out again would not give the same bytes"), err)
	}
	return out, nil
}

func (h Hooks) add(d *Document, command func(before bool) string) ([]byte, error) {
	var edits []edit
	var made []string // members of hooks
	root := d.root
	if root.kind != table {
		return nil, errors.New("it is not an object")
	}
	hooks := root.get("hooks")
	if hooks != nil && hooks.kind != table {
		return nil, errors.New(`its "hooks" is not an object`)
	}
	for _, event := range slices.Concat(h.Before, h.After) {
		before := slices.Contains(h.Before, event)
		onFailure := ""
		if before {
			onFailure = h.OnFailure
		}
		group := h.group(command(before), onFailure)
		switch l := hooks.get(event); {
		case l == nil:
			made = append(made, string(canon.AppendString(nil, event))+":["+group+"]")
		case l.kind != list:
			return nil, fmt.Errorf("its hooks of %s are not a list", event)
		default:
			edits = append(edits, d.append(l.start, len(l.elems), func(i int) *node { return l.elems[i] }, group))
		}
	}
	if len(made) > 0 {
		members := strings.Join(made, ",")
		switch {
		case hooks != nil:
			edits = append(edits, d.append(hooks.start, len(hooks.members), func(i int) *node { return hooks.members[i].value }, members))
		case len(bytes.TrimSpace(d.body)) == 0:
			edits = append(edits, edit{0, 0, []byte(`{"hooks":{` + members + `}}`)})
		default:
			edits = append(edits, d.append(root.start, len(root.members), func(i int) *node { return root.members[i].value }, `"hooks":{`+members+`}`))
		}
	}
	return d.spliced(edits)
}

// append puts text after the last of n items of the list or object that begins at
// start.
func (d *Document) append(start, n int, item func(int) *node, text string) edit {
	if n == 0 {
		return edit{start + 1, start + 1, []byte(" " + text)}
	}
	at := item(n - 1).end
	return edit{at, at, []byte("," + text)}
}

// Without is the file without the hooks of this program.
func (f *HookFile) Without() ([]byte, error) {
	d := f.doc
	hooks := d.root.get("hooks")
	if hooks == nil || hooks.kind != table {
		return f.data, nil
	}
	var edits []edit
	gone := make([]bool, len(hooks.members))
	for i, m := range hooks.members {
		var ours []bool
		any := false
		for _, group := range m.value.elems {
			handlers, of := group.get("hooks").list(), 0
			for _, handler := range handlers {
				if isHook(handler.get("command").says()) {
					of++
				}
			}
			if of > 0 && of < len(handlers) {
				return nil, fmt.Errorf("a hook of %s is in one group with others", m.name)
			}
			ours, any = append(ours, of > 0), any || of > 0
		}
		if !any {
			continue
		}
		l := m.value
		if len(l.elems) == 1 && l.start+1 == l.elems[0].start {
			gone[i] = true
			continue
		}
		edits = append(edits, cut(l.start+1, ours, func(i int) (int, int) { return l.elems[i].start, l.elems[i].end })...)
	}
	place := func(members []member) func(int) (int, int) {
		return func(i int) (int, int) { return members[i].key, members[i].value.end }
	}
	root := d.root
	switch made := !slices.Contains(gone, false) && len(gone) > 0 && hooks.start+1 == hooks.members[0].key; {
	case made && len(root.members) == 1 && root.start+1 == root.members[0].key:
		edits = append(edits, edit{root.start, root.end, nil})
	case made:
		is := make([]bool, len(root.members))
		for i, m := range root.members {
			is[i] = m.name == "hooks"
		}
		edits = append(edits, cut(root.start+1, is, place(root.members))...)
	case slices.Contains(gone, true):
		edits = append(edits, cut(hooks.start+1, gone, place(hooks.members))...)
	}
	if len(edits) == 0 {
		return f.data, nil
	}
	return d.spliced(edits)
}

// cut removes items of a list or object whose inside begins at start.
func cut(start int, gone []bool, place func(int) (start, end int)) (edits []edit) {
	if !slices.Contains(gone, false) {
		_, end := place(len(gone) - 1)
		return []edit{{start, end, nil}}
	}
	kept := false
	for i, is := range gone {
		from, to := place(i)
		switch {
		case !is:
			kept = true
			continue
		case kept:
			_, from = place(i - 1)
		default:
			to, _ = place(i + 1)
		}
		edits = append(edits, edit{from, to, nil})
	}
	return edits
}

// Write puts data in the place of the file, as [Config.Write] does. A file that is not
// there is made, and one that install made and that has nothing left is deleted.
func (f *HookFile) Write(backups string, data []byte, now time.Time) (kept string, err error) {
	past := HooksPast(f.real, backups)
	m := manifest{V: 1, Time: now.UTC().Format(time.RFC3339Nano), Client: f.Hooks.Client, Path: f.real, Wrapped: len(data) > 0 && !bytes.Equal(data, f.data)}
	m.Hooks, m.Made = true, !f.There || past.made
	again := &HookFile{Hooks: f.Hooks}
	if again.doc, err = Parse(data, JSON, nil); err != nil {
		return "", err
	}
	events, _ := again.Installed()
	m.Wrapped = len(events) > 0
	if f.There {
		m.Backup = filepath.Base(f.real)
	} else if err := durable.MkdirAll(filepath.Dir(f.real), 0o700); err != nil {
		return "", err
	}
	dir, err := newChange(backups, m, now)
	if err != nil {
		return "", fmt.Errorf("keeping the old file: %w", err)
	}
	if f.There {
		if err := durable.WriteNew(filepath.Join(dir, m.Backup), f.data, 0o600); err != nil {
			return "", fmt.Errorf("keeping the old file: %w", err)
		}
	}
	switch {
	case !f.There && len(data) == 0: // somebody has deleted it
	case !f.There:
		err = durable.WriteNew(f.real, data, 0o600)
	case len(data) == 0 && past.made:
		err = os.Remove(f.real)
	default:
		_, _, err = durable.ReplaceOrOverwrite(f.real, f.data, data)
	}
	if err != nil {
		return "", err
	}
	return dir, errors.Join(m.write(dir), prune(backups, m.Path))
}

// A PastHooks is what manifests say of the hooks in one file.
type PastHooks struct {
	Installed bool // the last that was done was to install them
	made      bool // install made the file
}

// HooksPast reads the manifests in directories of backups for the hooks in the file
// path.
func HooksPast(path string, backups ...string) (p PastHooks) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	eachManifest(backups, func(_ string, m manifest) {
		if m.Hooks && m.Path == cmp.Or(real, path) {
			p = PastHooks{m.Wrapped, m.Made}
		}
	})
	return p
}
