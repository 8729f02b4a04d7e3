package cli

import (
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
)

// flagsFirst puts the flags of a command line in front of its other arguments,
// where urfave/cli wants them: "verify r.json --pubkey bot" is what people type.
// It stops at the first flag that it does not know, which is for the parser to
// complain of (or belongs to a command in front of which "--" was forgotten).
func flagsFirst(app *ucli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	flags, verbs := app.Flags, app.Commands
	out, rest := args[:1:1], args[1:]
	verb := false // there is one in out
	var others []string
	for len(rest) > 0 {
		arg := rest[0]
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			rest = rest[1:]
			i := slices.IndexFunc(verbs, func(v *ucli.Command) bool { return v.HasName(arg) })
			if i < 0 || len(others) > 0 {
				others = append(others, arg)
				continue
			}
			out, verb = append(out, arg), true
			flags, verbs = verbs[i].Flags, verbs[i].Subcommands
			continue
		}
		if slices.Contains([]string{"-h", "--help", "-help"}, arg) {
			if !verb && len(others) > 0 {
				break // of a server's command, before which "--" was forgotten
			}
			return append(out, "--help") // of the verb; a topic it is not
		}
		n := flagLength(flags, arg)
		if n == 0 || n > len(rest) {
			break
		}
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return append(append(out, others...), rest...)
}

// flagLength is how many arguments the flag arg takes up, its value included;
// 0 if it is not known.
func flagLength(flags []ucli.Flag, arg string) int {
	name, _, valued := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		if d, ok := f.(ucli.DocGenerationFlag); ok && d.TakesValue() && !valued {
			return 2
		}
		return 1
	}
	return 0
}
