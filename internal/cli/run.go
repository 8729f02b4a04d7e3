package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
)

// runVerb does what a command line asks for, without what follows its first "--".
//
// urfave/cli has the verbs, their flags and the values of these. Its own Run is not used.
// That one wants flags before other arguments, splits lists at commas, and prints help and
// errors to standard output, by text/template: which calls methods by names that no
// compiler can know, so that the linker has to keep every method of every type. That was
// a tenth of the program.
func (c *command) runVerb(ctx context.Context, args []string) error {
	u, help, err := parseArgs(ctx, c.app(), args)
	switch {
	case err != nil:
		return usageError(u, err)
	case help:
		_, err := fmt.Fprint(c.Stdout, u.Command.CustomHelpTemplate)
		return err
	}
	levels := u.Lineage()
	if len(levels) > 1 {
		c.verb = levels[len(levels)-2].Command.Name
		if err := wrapFlagsOfVerb(levels[len(levels)-1], c.verb); err != nil {
			return err
		}
	}
	return u.Command.Action(u)
}

// parseArgs reads a command line: its verb, or the program if there is none, with the
// flags that were given, and the arguments that are neither. help: the line asks for the
// help of that verb, and what follows was not read. In an error, the context is that of
// the verb that was reached.
//
// Flags may follow other arguments: "verify r.json --pubkey bot" is what people
// type. Without a verb, they may not, for they are those of a server's command, before
// which "--" was forgotten.
func parseArgs(ctx context.Context, app *ucli.App, args []string) (u *ucli.Context, help bool, err error) {
	root := &ucli.Command{Name: app.Name, HelpName: app.Name, CustomHelpTemplate: app.CustomAppHelpTemplate, Flags: app.Flags, Subcommands: app.Commands, Action: app.Action}
	u, set, err := level(app, nil, root)
	if err != nil || len(args) == 0 {
		return u, false, err
	}
	u.Context = ctx
	var others []string
	for rest := args[1:]; len(rest) > 0; {
		arg := rest[0]
		rest = rest[1:]
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			if verb := u.Command.Command(arg); verb != nil && len(others) == 0 {
				verb.HelpName = u.Command.HelpName + " " + verb.Name
				if u, set, err = level(app, u, verb); err != nil {
					return u, false, err
				}
			} else {
				others = append(others, arg)
			}
			continue
		}
		if u.Command == root && len(others) > 0 {
			others = append(append(others, arg), rest...)
			break
		}
		name, value, valued := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		switch isHelp := slices.Contains(helpFlags, name); {
		case name == "" || name[0] == '-':
			return u, false, fmt.Errorf("bad flag syntax: %s", arg)
		case isHelp && valued:
			return u, false, fmt.Errorf("%s takes no value", flagWord(name))
		case isHelp:
			return u, true, nil
		}
		i := slices.IndexFunc(u.Command.Flags, func(f ucli.Flag) bool { return slices.Contains(f.Names(), name) })
		if i < 0 {
			return u, false, fmt.Errorf("flag provided but not defined: -%s", name)
		}
		f := u.Command.Flags[i]
		switch {
		case valued:
		case !takesValue(f):
			value = "true"
		case len(rest) == 0:
			return u, false, fmt.Errorf("flag needs an argument: -%s", name)
		default:
			value, rest = rest[0], rest[1:]
		}
		if err := give(set, f, value); err != nil {
			return u, false, fmt.Errorf("invalid value %q for flag -%s: %w", value, name, err)
		}
	}
	return u, false, set.Parse(append([]string{"--"}, others...))
}

// helpFlags are the names of a flag that every verb has.
var helpFlags = []string{"help", "h"}

// level is the context of a verb below that of up, and the values of its flags.
func level(app *ucli.App, up *ucli.Context, verb *ucli.Command) (*ucli.Context, *flag.FlagSet, error) {
	set := flag.NewFlagSet(verb.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var err error
	for _, f := range verb.Flags {
		err = errors.Join(err, f.Apply(set))
	}
	u := ucli.NewContext(app, set, up)
	u.Command = verb
	return u, set, err
}

// give gives a flag a value, by all its names. A list gets one more, and a comma in it is
// a comma.
func give(set *flag.FlagSet, f ucli.Flag, value string) error {
	list, isList := set.Lookup(f.Names()[0]).Value.(*ucli.StringSlice)
	var all []string
	if isList {
		all, value = append(slices.Clone(list.Value()), value), ""
	}
	for _, name := range f.Names() {
		if err := set.Set(name, value); err != nil {
			return err
		}
	}
	if isList {
		*list = *ucli.NewStringSlice(all...)
	}
	return nil
}

func takesValue(f ucli.Flag) bool {
	d, ok := f.(ucli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// usageError is what is wrong with a command line, as one line with a hint.
func usageError(u *ucli.Context, err error) error {
	hint, err := flagError(err, u.Command.Flags, fmt.Sprintf("see %q", helpCommand(u)))
	return &failure{status: exitUsage, err: err, hint: hint}
}

func helpCommand(u *ucli.Context) string {
	if u.Command.HelpName == u.App.Name {
		return u.App.Name + " help wrap" // its flags are those of wrapping
	}
	return u.App.Name + " help" + strings.TrimPrefix(u.Command.HelpName, u.App.Name)
}
