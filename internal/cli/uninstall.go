package cli

import (
	"cmp"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/install"
)

const uninstallHelp = `signet-wrap uninstall: unwrap the servers of your clients

USAGE
  signet-wrap uninstall [--all] [--client C]... [--server S]... [flags]

EXAMPLE
  signet-wrap uninstall --all
  signet-wrap uninstall --client cursor --server files

FLAGS
  --all          every server of every client, and of the files that --project
                 and --file wrapped; else, without names, you are asked
  --client C     only the client C, as "signet-wrap status" names it
  --server S     only the server S
  --project      also the files of the project here and above (.mcp.json, ...)
  --file F       configuration of another client: .json, .toml or .yaml
  --pointer KEY  the key in F that holds the servers, or a path (/a/b)
  --hooks        only hooks; without it, servers and hooks
  --dry-run      show the change (secrets masked), make none
  --home DIR     backups (default: $SIGNET_HOME or ~/.signet)

What "install" changed becomes what it was, byte for byte. Servers that were
added since, or wrapped by hand in the same form, are unwrapped, too. Keys and
log stay. The old file goes to the directory backup of --home, which also has
the list of wrapped files. A server that its client has unwrapped no longer
counts as lost, nor do the servers of a file that cannot be read any more.

EXIT STATUS
  0 done (or nothing to do), 1 a file was not changed, 2 bad usage
`

func (c *command) uninstallVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "uninstall",
		Usage:              "take it away from the servers of your clients",
		CustomHelpTemplate: uninstallHelp,
		Flags:              append(clientFlags(), &ucli.BoolFlag{Name: "all"}, &ucli.BoolFlag{Name: "dry-run"}, hooksFlag()),
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
	if u.Bool("hooks") {
		if err := hooksOnly(u); err != nil {
			return err
		}
		said, err := c.uninstallHooks(u, sys, h, choose)
		if err == nil && !said {
			c.complain("found no hooks of signet-wrap", "")
		}
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
			return f.Undo(func(e *install.Entry) bool { return meant(u, e) }, append(backupsOf(f), backups(h))...)
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
	err = ch.run(sys)
	said, hooksErr := ch.said, error(nil)
	if len(u.StringSlice("server")) == 0 && u.String("file") == "" {
		var too bool
		too, hooksErr = c.uninstallHooks(u, sys, h, choose)
		said = said || too
	}
	if err = cmp.Or(hooksErr, err); err == nil && !said {
		c.complain("found no wrapped server", "")
	}
	return err
}
