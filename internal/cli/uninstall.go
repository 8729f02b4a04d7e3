package cli

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/install"
)

const uninstallHelp = `signet-wrap uninstall: take it away from the servers of your clients

USAGE
  signet-wrap uninstall [--all] [--client C]... [--server S]... [--dry-run] [flags]

EXAMPLE
  signet-wrap uninstall --all
  signet-wrap uninstall --client cursor --server files

FLAGS
  --all          every server of every client, and what --project and --file have
                 wrapped; without it, and without names, you are asked, file by file
  --client C     only the client C, as "signet-wrap status" names it
  --server S     only the server S
  --project      the files of the project in this directory, too (.mcp.json, ...)
  --file F       the configuration F of any other client: .json, .toml, .yaml
  --pointer KEY  the key in F that holds the servers, or /a/b for one in another
  --dry-run      show the change (secrets masked), make none
  --home DIR     backups (default: $SIGNET_HOME or ~/.signet)

What "install" changed is as it was, byte for byte; what was added since, or put
there by hand in the same form, is taken away, too. Keys and log stay. The old
file goes to the directory backup of --home, where it also stands which files were
wrapped. A server that its client has unwrapped counts as lost no longer, and those
of a file that cannot be read any more are not looked for.

EXIT STATUS
  0 done (or nothing to do), 1 a file was not touched, 2 bad usage
`

func (c *command) uninstallVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "uninstall",
		Usage:              "take it away from the servers of your clients",
		CustomHelpTemplate: uninstallHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags:              append(clientFlags(), &ucli.BoolFlag{Name: "all"}, &ucli.BoolFlag{Name: "dry-run"}),
		Action:             c.uninstall,
	}
}

func (c *command) uninstall(u *ucli.Context) error {
	sys, err := c.system()
	if err != nil {
		return err
	}
	choose, err := c.chooser(u, "unwrap")
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	t, err := c.targets(u, sys, h)
	if err != nil {
		return err
	}
	ch := change{
		command: c, home: h, dry: u.Bool("dry-run"), choose: choose, verb: "unwrap", targets: t,
		meant: func(e *install.Entry) bool { return meant(u, e) },
		edit: func(f *install.Config) ([]byte, []*install.Entry, error) {
			return f.Doc.Unwrap(func(e *install.Entry) bool { return meant(u, e) })
		},
		did: func(*install.Entry) string { return "unwrapped" },
		lost: func(f *install.Config) (lost []*install.Entry) {
			for _, e := range f.Doc.Entries {
				if meant(u, e) && t.past.Lost(f, e) {
					lost = append(lost, e)
				}
			}
			return lost
		},
		byHand: (*install.Entry).Plain,
	}
	ch.listed = func(_ *install.Config, e *install.Entry) string {
		switch {
		case meant(u, e) && e.Wrapped:
			ch.refused = true // still wrapped, though it was meant
			return "left: " + e.Reason + "; by hand: " + clean(e.Plain())
		case meant(u, e) && e.NoDashes:
			return "left: " + e.Reason + noDashesHint(e)
		}
		return ""
	}
	return ch.run(sys)
}
