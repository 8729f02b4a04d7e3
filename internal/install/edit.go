package install

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/redact"
)

// A Wrapper is what is put in front of servers.
type Wrapper struct {
	Path    string   // of signet-wrap, or its name; or of what Package is for
	Package []string // for npx and its like, as of an Entry
	Flags   []string // before the "--"
}

// An edit puts text in the place of the body's bytes from start to end.
type edit struct {
	start, end int
	text       []byte
}

// Wrap returns the document with a wrapper in front of the entries for which with
// gives one, and these entries. An entry that is wrapped gets the new wrapper in
// the place of its own, if they differ; one with a Reason is left. The document
// itself stays as it is. An error means that the result cannot be proved right,
// and that the file is to be edited by hand.
func (d *Document) Wrap(with func(*Entry) (Wrapper, bool)) ([]byte, []*Entry, error) {
	wrappers := make(map[int]Wrapper) // by place: of a list, two entries may have one name
	var chosen []*Entry
	wrapped := make(map[*Entry]bool) // of the chosen
	for i, e := range d.Entries {
		if e.Reason != "" {
			continue
		}
		w, ok := with(e)
		if !ok || e.Wrapped && e.Wrapper == w.Path && slices.Equal(e.Package, w.Package) && slices.Equal(e.Flags, w.Flags) {
			continue
		}
		wrappers[i], wrapped[e] = w, e.Wrapped
		chosen = append(chosen, e)
	}
	if len(chosen) == 0 {
		return d.data, nil, nil
	}
	data, undone, err := d.Unwrap(func(e *Entry) bool { return wrapped[e] })
	if err != nil {
		return nil, chosen, err
	}
	plain := d
	if len(undone) > 0 {
		if plain, err = Parse(data, d.format, d.pointers); err != nil {
			return nil, chosen, err
		}
	}
	never := make(map[*Entry]bool) // what was wrapped by hand, and would not be by us
	for i := range wrappers {
		if plain.Entries[i].Reason != "" {
			never[d.Entries[i]] = true
		}
	}
	if len(never) > 0 {
		return d.Wrap(func(e *Entry) (Wrapper, bool) {
			w, ok := with(e)
			return w, ok && !never[e]
		})
	}
	out, err := plain.wrapAll(wrappers)
	return out, chosen, err
}

// wrapAll puts the wrappers in front of the plain entries at these places.
func (d *Document) wrapAll(wrappers map[int]Wrapper) ([]byte, error) {
	var edits []edit
	for i, w := range wrappers {
		edits = append(edits, d.wrap(d.Entries[i], w)...)
	}
	out, err := d.spliced(edits)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxSize {
		return nil, fmt.Errorf("with the wrappers it would be larger than %d MiB: wrap fewer of its servers", MaxSize>>20)
	}
	want, err := d.again()
	if err != nil {
		return nil, err
	}
	for i, w := range wrappers {
		want.Entries[i].becomeWrapped(w)
	}
	wrapped, err := d.prove(out, want)
	if err != nil {
		return nil, err
	}
	// The way back must lead here.
	var back []edit
	for i := range wrappers {
		e := wrapped.Entries[i]
		if !e.Wrapped || e.Reason != "" {
			return nil, errors.New("the wrapper could not be taken away again")
		}
		edits, _ := wrapped.unwrap(e)
		back = append(back, edits...)
	}
	if again, err := wrapped.spliced(back); err != nil || !bytes.Equal(again, d.data) {
		return nil, errors.Join(errors.New("taking the wrapper away again would not give the same bytes"), err)
	}
	return out, nil
}

// Unwrap is Wrap's way back, for the wrapped entries that pick chooses. It
// knows entries that were wrapped by hand, too; of these, one in the form that
// is made where there was no args loses its args, which means the same.
func (d *Document) Unwrap(pick func(*Entry) bool) ([]byte, []*Entry, error) {
	var chosen []*Entry
	var places []int
	for i, e := range d.Entries {
		if e.Wrapped && e.Reason == "" && pick(e) {
			chosen, places = append(chosen, e), append(places, i)
		}
	}
	if len(chosen) == 0 {
		return d.data, nil, nil
	}
	var edits []edit
	want, err := d.again()
	if err != nil {
		return nil, nil, err
	}
	for n, e := range chosen {
		ed, made := d.unwrap(e)
		edits = append(edits, ed...)
		want.Entries[places[n]].becomePlain(made)
	}
	out, _, err := d.splice(edits, want)
	return out, chosen, err
}

// again is a second reading, to be changed into what an edit is to bring about.
func (d *Document) again() (*Document, error) { return Parse(d.data, d.format, d.pointers) }

// splice carries out the edits and proves that the result, which it returns read
// too, reads as want.
func (d *Document) splice(edits []edit, want *Document) ([]byte, *Document, error) {
	out, err := d.spliced(edits)
	if err != nil {
		return nil, nil, err
	}
	got, err := d.prove(out, want)
	if err != nil {
		return nil, nil, err
	}
	return out, got, nil
}

// prove reads out, what an edit made, and says whether it reads as want.
func (d *Document) prove(out []byte, want *Document) (*Document, error) {
	got, err := Parse(out, d.format, d.pointers)
	if err != nil {
		return nil, fmt.Errorf("the edit would not be readable: %w", err)
	}
	if !got.root.equal(want.root) {
		return nil, errors.New("the edit would change more than the command")
	}
	return got, nil
}

// spliced is the file with the edits carried out.
func (d *Document) spliced(edits []edit) ([]byte, error) {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	out := bytes.Clone(d.data[:len(d.data)-len(d.body)])
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(d.body) {
			return nil, errors.New("two edits would touch the same bytes")
		}
		out = append(append(out, d.body[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, d.body[at:]...), nil
}

// literals are the strings as literals of all three formats: those of JSON,
// of which TOML's basic and YAML's double-quoted strings are supersets.
func literals(s ...string) [][]byte {
	var out [][]byte
	for _, s := range s {
		out = append(out, canon.AppendString(nil, s))
	}
	return out
}

// ahead are the arguments before the old command.
func (w Wrapper) ahead() []string { return slices.Concat(w.Package, w.Flags, []string{"--"}) }

func (d *Document) wrap(e *Entry, w Wrapper) []edit {
	if e.command.kind == list {
		return []edit{d.prepend(e.command, literals(append([]string{w.Path}, w.ahead()...)...))}
	}
	old := d.raw(e.command)
	command := edit{e.command.start, e.command.end, literals(w.Path)[0]}
	tokens := append(literals(w.ahead()...), old)
	if e.args == nil {
		newline := ""
		if e.onLines(d.format) {
			newline = d.newline(e.command.end)
		}
		made := d.madeArgs(e, tokens, newline)
		return []edit{command, {e.command.end, e.command.end, made}}
	}
	return []edit{command, d.prepend(e.args, tokens)}
}

// prepend puts tokens before the first element of a list.
func (d *Document) prepend(l *node, tokens [][]byte) edit {
	between := ", "
	if !l.flow {
		between = d.newline(l.elems[0].start) + l.dash
	}
	text := bytes.Join(tokens, []byte(between))
	if len(l.elems) == 0 {
		return edit{l.start + 1, l.start + 1, text}
	}
	at := l.elems[0].start
	return edit{at, at, append(text, between...)}
}

// onLines says whether the entry's members stand on lines of their own. Of the
// others the end of the line is not asked for: a file of very many servers may be
// one line.
func (e *Entry) onLines(f Format) bool { return f != JSON && !e.holder.flow }

// madeArgs is the member that is made where there is none, after the command; on
// lines of their own, after newline. It has no space in its list: see the
// package's comment.
func (d *Document) madeArgs(e *Entry, tokens [][]byte, newline string) []byte {
	m := e.holder.member(e.cmdName)
	before, name := ",", e.argsName
	if e.onLines(d.format) {
		before = newline
	}
	switch d.format {
	case JSON:
		name = `"` + name + `":`
	case TOML:
		name = m.prefix + name + "="
	case YAML:
		name += ": "
		if !e.holder.flow {
			line := bytes.LastIndexByte(d.body[:m.key], '\n') + 1
			before += strings.Repeat(" ", len([]rune(string(d.body[line:m.key]))))
		}
	}
	return fmt.Appendf(nil, "%s%s[%s]", before, name, bytes.Join(tokens, []byte(",")))
}

// newline is how the line ends on which at is.
func (d *Document) newline(at int) string {
	if i := bytes.IndexByte(d.body[at:], '\n'); i > 0 && d.body[at+i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// unwrap says also whether the args were made by wrap, and go with it.
func (d *Document) unwrap(e *Entry) (edits []edit, made bool) {
	elems := e.args.elems
	first := elems[0].start
	if e.command.kind == list {
		return []edit{{first, elems[e.old].start, nil}}, false
	}
	old := elems[e.old]
	command := edit{e.command.start, e.command.end, d.raw(old)}
	if e.old+1 < len(elems) {
		return []edit{command, {first, elems[e.old+1].start, nil}}, false
	}
	tokens := append(literals(Wrapper{Package: e.Package, Flags: e.Flags}.ahead()...), d.raw(old))
	for _, newline := range []string{"\n", "\r\n"} {
		if m := d.madeArgs(e, tokens, newline); bytes.HasPrefix(d.body[e.command.end:], m) {
			return []edit{command, {e.command.end, e.command.end + len(m), nil}}, true
		}
	}
	if e.args.flow {
		return []edit{command, {first, old.end, nil}}, false
	}
	// By hand: a list on lines of its own cannot be empty. The spaces set it off
	// from a name that is as far to the left as its list was.
	return []edit{command, {first - len(strings.TrimLeft(e.args.dash, " ")), old.end, []byte("  []")}}, false
}

// becomeWrapped changes the entry's values, not its bytes.
func (e *Entry) becomeWrapped(w Wrapper) {
	var ahead []*node
	say := func(s string) { ahead = append(ahead, &node{kind: str, value: s}) }
	if e.command.kind == list {
		say(w.Path)
	}
	for _, s := range w.ahead() {
		say(s)
	}
	if e.command.kind == list {
		e.command.elems = append(ahead, e.command.elems...)
		return
	}
	say(e.command.value)
	e.command.value = w.Path
	if e.args == nil {
		i := slices.IndexFunc(e.holder.members, func(m member) bool { return m.name == e.cmdName })
		e.args = &node{kind: list}
		e.holder.setMembers(slices.Insert(e.holder.members, i+1, member{name: e.argsName, value: e.args}))
	}
	e.args.elems = append(ahead, e.args.elems...)
}

func (e *Entry) becomePlain(made bool) {
	if e.command.kind == list {
		e.command.elems = e.command.elems[e.old:]
		return
	}
	e.command.value = e.args.elems[e.old].value
	e.args.elems = e.args.elems[e.old+1:]
	if made {
		e.holder.setMembers(slices.DeleteFunc(e.holder.members, func(m member) bool { return m.name == e.argsName }))
	}
}

// ByHand is the edit that puts w in front of e, for a person to make. What looks
// like a secret is masked.
func (e *Entry) ByHand(w Wrapper) string {
	n := *e
	n.Wrapped, n.Wrapper, n.Package, n.Flags = true, w.Path, w.Package, w.Flags
	return n.String()
}

// Plain is what e is without a wrapper, for a person, with secrets masked.
func (e *Entry) Plain() string {
	n := *e
	n.Wrapped = false
	return n.String()
}

// String is the entry's command as its file has it, in the spelling of JSON, with
// what looks like a secret masked.
func (e *Entry) String() string {
	command := redact.Command(append([]string{e.Command}, e.Args...))
	if e.Wrapped {
		command = slices.Concat([]string{e.Wrapper}, e.Package, e.MaskedFlags(), []string{"--"}, command)
	}
	join := func(s ...string) string { return string(bytes.Join(literals(s...), []byte(", "))) }
	name, args := e.cmdName, e.argsName
	if name == "" {
		name, args = "command", "args"
	}
	switch {
	case e.command != nil && e.command.kind == list:
		return fmt.Sprintf("%s: [%s]", name, join(command...))
	case len(command) == 1:
		return fmt.Sprintf("%s: %s", name, join(command...))
	}
	return fmt.Sprintf("%s: %s, %s: [%s]", name, join(command[0]), args, join(command[1:]...))
}

// MaskedFlags are the entry's Flags with what looks like a secret masked: not
// the names of keys and files, which are none.
func (e *Entry) MaskedFlags() []string {
	out := slices.Clone(e.Flags)
	for i, f := range e.Flags {
		name, value, valued := strings.Cut(f, "=")
		if i > 0 && !strings.HasPrefix(f, "-") {
			name, value, valued = e.Flags[i-1], f, false
		}
		if slices.Contains([]string{"key", "home", "passphrase-file", "meta-key"}, strings.TrimLeft(name, "-")) {
			continue
		}
		if valued {
			out[i] = name + "=" + redact.Argument(value)
		} else {
			out[i] = redact.Argument(f)
		}
	}
	return out
}
