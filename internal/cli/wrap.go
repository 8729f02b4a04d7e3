package cli

import (
	"errors"
	"flag"
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/front"
	"github.com/signet-wrap/signet-wrap/wrap"
)

// rootHelp is the first page that anybody sees. It fits a screen.
const rootHelp = `signet-wrap: sign and log every MCP tool call, change nothing else

USAGE
  signet-wrap [flags] -- COMMAND [ARG...]     wrap a server
  signet-wrap VERB [flags]                    look after keys and the log

EXAMPLE (in a client's configuration, where "command" was "npx")
  "command": "signet-wrap",
  "args": ["--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "/data"]

FLAGS FOR WRAPPING
  --key NAME          the identity that signs (default: default, made at the first call)
  --target URI        the server's name in receipts (default: from COMMAND)
  --hash-only         log a hash of the arguments instead of the arguments
  --fail-open         forward calls unsigned when they cannot be recorded
  --sync always|off   wait for the disk before each call, or not (default: always)
  --outcomes on|off   record what came of each call, too, or not (default: on)
  --meta-key KEY      where in params._meta the receipt goes (default: _signet)
  --max-call BYTES    the longest line taken from the client (default: 64MiB)
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)
  --passphrase-file F the passphrase of an encrypted key (or $SIGNET_PASSPHRASE; or
                      see "identity protect")
  --verbose           say on stderr what is recorded

VERBS
  install    put it in front of the servers of your clients
  uninstall  take it away again
  status     which servers it stands in front of
  doctor     is the home in order, and what to do if not
  demo       a session from end to end, with nothing else installed
  audit      what was called, as a table
  verify     a receipt, or with --chain the whole log
  identity   make, list, export and protect keys
  sign       a receipt by hand
  version    what this is
  "signet-wrap VERB --help" tells more.

EXIT STATUS
  the server's own; 127 COMMAND not found, 126 not executable, 125 own failure
`

// wrapFlags are the flags of wrapping, for urfave/cli: package front reads them.
func wrapFlags() (flags []ucli.Flag) {
	set, _, _ := front.FlagSet()
	set.VisitAll(func(f *flag.Flag) {
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			flags = append(flags, &ucli.BoolFlag{Name: f.Name})
		} else {
			flags = append(flags, &ucli.StringFlag{Name: f.Name})
		}
	})
	return flags
}

// wrapFlagsOfVerb refuses the flags of wrapping in front of a verb, where they
// would be without effect: who writes "--hash-only sign" means it.
func wrapFlagsOfVerb(u *ucli.Context) error {
	verb := u.Args().First()
	if u.App.Command(verb) == nil {
		return nil
	}
	for _, f := range wrapFlags() {
		name := f.Names()[0]
		if general := name == "home" || name == "passphrase-file"; !general && u.IsSet(name) {
			return misuse("flags of a verb stand behind it", "--%s in front of %q would have no effect", name, verb)
		}
	}
	return nil
}

// wrap wraps the command behind "--", if that is what the command line args
// asks for; ok is false if it is for urfave/cli.
func (c *command) wrap(args []string) (exit int, ok bool) {
	flags, err := front.ParseFlags(args)
	if errors.Is(err, front.ErrNotWrapping) {
		return 0, false
	}
	if bad := (*wrap.StartError)(nil); errors.As(err, &bad) {
		c.complain(bad.Error(), bad.Hint)
		return bad.Status, true
	}
	return front.Main(flags, c.after), true
}

// help is the program without a verb.
func (c *command) help(u *ucli.Context) error {
	if name := u.Args().First(); name != "" {
		return misuse(`to wrap a server, put "--" before its command: signet-wrap -- `+name, "there is no verb %q", name)
	}
	fmt.Fprint(c.Stdout, rootHelp)
	return nil
}
