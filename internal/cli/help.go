package cli

import (
	"fmt"
	"slices"

	ucli "github.com/urfave/cli/v2"
)

const helpHelp = `signet-wrap help: how to use it, or one of its verbs

USAGE
  signet-wrap help [VERB...]
  signet-wrap VERB --help

EXAMPLE
  signet-wrap help
  signet-wrap help identity generate

EXIT STATUS
  0 printed, 2 there is no such verb
`

func (c *command) helpVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "help",
		Usage:              "how to use it",
		CustomHelpTemplate: helpHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Action: func(u *ucli.Context) error {
			text, verbs := rootHelp(), u.App.Commands
			for _, name := range c.args(u) {
				i := slices.IndexFunc(verbs, func(v *ucli.Command) bool { return v.HasName(name) })
				if i < 0 {
					return misuse(`see "signet-wrap help"`, "there is no verb %q", name)
				}
				text, verbs = verbs[i].CustomHelpTemplate, verbs[i].Subcommands
			}
			_, err := fmt.Fprint(c.Stdout, text)
			return err
		},
	}
}
