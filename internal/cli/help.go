package cli

import (
	"fmt"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
)

// rootHelp is the first help: a screen of 24 lines, with every verb and the
// flags that most people need.
const rootHelp = `signet-wrap: sign and log every MCP tool call, change nothing else

USAGE
  signet-wrap [flags] -- COMMAND [ARG...]   wrap a server
  signet-wrap VERB [flags]                  look after keys and the log

EXAMPLE (in a client's configuration, where the command was npx SERVER)
  "command": "/usr/local/bin/signet-wrap", "args": ["--", "npx", "SERVER"]

FLAGS FOR WRAPPING ("signet-wrap help wrap" has all of them)
  --key NAME    the identity that signs (default: default)
  --hash-only   log a hash of the arguments instead of the arguments
  --fail-open   forward calls unsigned when they cannot be recorded
  --home DIR    keys and log (default: $SIGNET_HOME or ~/.signet)

VERBS ("signet-wrap help VERB" explains one)
  install, uninstall, status   wrap your clients' servers, unwrap, list
  audit, verify, prove         list calls, check the log, prove one record
  identity, sign               manage keys, sign a receipt by hand
  anchor, hook                 witnesses of the log; a client's own tools, too
  check                        at a server: verify the receipts of its calls
  demo, doctor                 try a whole session, check the home directory
  version, help                which version this is, how to use it
`

// wrapTopic is the help on wrapping, which is not a verb.
const wrapTopic = "wrap"

func wrapHelp() string {
	return `signet-wrap: wrap an MCP stdio server; sign and log its tool calls

USAGE
  signet-wrap [flags] -- COMMAND [ARG...]

EXAMPLE
  signet-wrap --key laptop -- npx -y @modelcontextprotocol/server-memory

FLAGS
` + wrapFlagsHelp() + `
The first "--" ends the flags. All that follows is the server's command. Keys,
log and directories are made at the first call, not before. Settings without
a flag come from config.toml, in the home or the system's (docs/CONFIG.md).

EXIT STATUS
  the server's own; 127 COMMAND not found, 126 not executable, 125 own failure,
  2 there is no "--"
`
}

const helpHelp = `signet-wrap help: how to use it, or one of its verbs

USAGE
  signet-wrap help [VERB... | wrap]
  signet-wrap VERB --help
  signet-wrap help completion bash|zsh|fish|powershell
  signet-wrap help man

EXAMPLE
  signet-wrap help
  signet-wrap help identity generate
  signet-wrap help wrap                          all flags of wrapping
  source <(signet-wrap help completion bash)     completion in this shell
  signet-wrap help man > ~/.local/share/man/man1/signet-wrap.1

EXIT STATUS
  0 printed, 2 there is no such verb or shell
`

func (c *command) helpVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "help",
		Usage:              "how to use it",
		CustomHelpTemplate: helpHelp,
		Action: func(u *ucli.Context) error {
			text, verbs, path := rootHelp, u.App.Commands, ""
			names := c.args(u)
			switch {
			case len(names) == 1 && names[0] == wrapTopic:
				text, names = wrapHelp(), nil
			case len(names) == 1 && names[0] == "man":
				return c.manual()
			case len(names) > 0 && names[0] == "completion":
				return c.completion(names[1:])
			}
			for _, name := range names {
				i := slices.IndexFunc(verbs, func(v *ucli.Command) bool { return v.HasName(name) })
				if i < 0 {
					return noSuchVerb(u.App.Commands, path, name, fmt.Sprintf("see %q", strings.TrimSpace("signet-wrap help "+path)))
				}
				text, verbs, path = verbs[i].CustomHelpTemplate, verbs[i].Subcommands, strings.TrimSpace(path+" "+name)
			}
			_, err := fmt.Fprint(c.Stdout, text)
			return err
		},
	}
}
