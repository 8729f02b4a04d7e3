package cli

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// The flags of wrapping as they are in a client's configuration.

// givenFlag is a flag there, as it is written.
type givenFlag struct {
	name  string // without dashes; "" for a word that is no flag
	value string // of a switch "true"
	words []string
}

// givenFlags reads flags as the flag parser does, good or not.
func givenFlags(words []string) (given []givenFlag) {
	for i := 0; i < len(words); i++ {
		name, value, valued := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(words[i], "-"), "-"), "=")
		f := givenFlag{name, value, words[i : i+1]}
		known := slices.IndexFunc(wrapFlags, func(w wrapFlag) bool { return w.name == name })
		switch {
		case !strings.HasPrefix(words[i], "-"):
			f.name = ""
		case valued:
		case known >= 0 && wrapFlags[known].value != "" && i+1 < len(words):
			f.value, f.words = words[i+1], words[i:i+2]
			i++
		default:
			f.value = "true"
		}
		given = append(given, f)
	}
	return given
}

// flagValue is the value of a flag of wrapping, of which the last counts; "" if
// it is not there.
func flagValue(flags []string, name string) (value string) {
	for _, f := range givenFlags(flags) {
		if f.name == name {
			value = f.value
		}
	}
	return value
}

// requested is what install is to put in front of servers.
type requested struct {
	plain install.Wrapper // in front of one that is not wrapped; its --target, from its name, comes after that
	// Of one that is: what the command line speaks of, in this order, and the
	// values; "" for the one that needs no flag. All other flags stay.
	given  []string
	values map[string]string

	targets map[*install.Entry]string // of those that are not wrapped

	fromPath *bool                   // what --from-path says, nil for nothing
	shared   map[*install.Entry]bool // in files that others may have, too
}

// share notes the entries of files that others may have, too: those of projects,
// and those that git has, which is asked only where that matters.
func (w *requested) share(t *targets) {
	w.shared = map[*install.Entry]bool{}
	for _, f := range t.configs {
		if f.Err != nil {
			continue
		}
		matters := w.fromPath != nil || slices.ContainsFunc(f.Doc.Entries, byName)
		if !f.Project && !t.elsewhere[f] && !(matters && f.Tracked()) {
			continue
		}
		for _, e := range f.Doc.Entries {
			w.shared[e] = true
		}
	}
}

// byName says whether e is wrapped by a name that PATH finds, signet-wrap or npx.
func byName(e *install.Entry) bool { return e.Wrapped && isName(e.Wrapper) }

// program is what e is to start: the path of signet-wrap, and in a file that others
// have, too, a name, if that is asked for, or there already and found.
func (w *requested) program(e *install.Entry) install.Wrapper {
	switch {
	case !w.shared[e]:
	case w.fromPath != nil && *w.fromPath:
		return install.Wrapper{Path: programName}
	case w.fromPath == nil && byName(e):
		if _, err := exec.LookPath(e.Wrapper); err == nil {
			return install.Wrapper{Path: e.Wrapper, Package: e.Package}
		}
	}
	return install.Wrapper{Path: w.plain.Path}
}

// programName is what PATH finds this program by.
const programName = "signet-wrap"

// isName says whether a command is a name that PATH finds, and no path.
func isName(command string) bool { return !strings.ContainsAny(command, `/\`) }

// machinePaths are the paths of this machine that w has in it.
func machinePaths(w install.Wrapper) (paths []string) {
	for _, word := range append([]string{w.Path}, w.Flags...) {
		if _, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(word, "-") {
			word = value
		}
		if filepath.IsAbs(word) {
			paths = append(paths, word)
		}
	}
	return paths
}

// name gives each server that is not wrapped its target: the client's name for it,
// and the client too where another of the configurations has another server of that
// name, which would look like one that changes its tools.
func (w *requested) name(configs []*install.Config) {
	commands := map[string]map[string]bool{} // by target
	for _, f := range configs {
		for _, e := range entries(f) {
			target := record.TargetNamed(e.Name)
			if commands[target] == nil {
				commands[target] = map[string]bool{}
			}
			commands[target][strings.Join(append([]string{e.Command}, e.Args...), "\x00")] = true
		}
	}
	w.targets = map[*install.Entry]string{}
	for _, f := range configs {
		for _, e := range entries(f) {
			target := record.TargetNamed(e.Name)
			if target != "" && len(commands[target]) > 1 {
				target += "/" + f.Client.Name
			}
			w.targets[e] = target
		}
	}
}

// entries are the servers of a configuration that run a command.
func entries(f *install.Config) (all []*install.Entry) {
	if f.Err != nil {
		return nil
	}
	for _, e := range f.Doc.Entries {
		if !e.Remote && e.Command != "" {
			all = append(all, e)
		}
	}
	return all
}

func (w *requested) set(name, value string) {
	w.given, w.values[name] = append(w.given, name), value
}

// of is the wrapper that e is to have.
func (w *requested) of(e *install.Entry) install.Wrapper {
	of := w.program(e)
	if !e.Wrapped {
		of.Flags = slices.Clone(w.plain.Flags)
		if target := w.targets[e]; target != "" {
			of.Flags = append(of.Flags, "--target", target)
		}
		return of
	}
	same := true
	for _, name := range w.given {
		same = same && flagValue(e.Flags, name) == w.values[name]
	}
	if same {
		of.Flags = e.Flags
		return of
	}
	for _, name := range w.given {
		if v := w.values[name]; v != "" {
			of.Flags = append(of.Flags, "--"+name, v)
		}
	}
	for _, f := range givenFlags(e.Flags) {
		if !slices.Contains(w.given, f.name) {
			of.Flags = append(of.Flags, f.words...)
		}
	}
	return of
}
