package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/front"
	"github.com/signet-wrap/signet-wrap/keys"
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

func wrapFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "key", Value: front.DefaultKey},
		&ucli.StringFlag{Name: "target"},
		&ucli.BoolFlag{Name: "hash-only"},
		&ucli.BoolFlag{Name: "fail-open"},
		&ucli.StringFlag{Name: "sync", Value: "always"},
		&ucli.StringFlag{Name: "outcomes", Value: "on"},
		&ucli.StringFlag{Name: "meta-key", Value: wrap.DefaultMetaKey},
		&ucli.StringFlag{Name: "max-call", Value: strconv.Itoa(wrap.DefaultMaxCall)},
		&ucli.BoolFlag{Name: "verbose"},
	}
}

// wrapOrHelp is the program without a verb.
func (c *command) wrapOrHelp(u *ucli.Context) error {
	if name := u.Args().First(); name != "" {
		return misuse(`to wrap a server, put "--" before its command: signet-wrap -- `+name, "there is no verb %q", name)
	}
	if !c.dashed {
		fmt.Fprint(c.Stdout, rootHelp)
		return nil
	}
	flags, err := frontFlags(u)
	if f := (*failure)(nil); errors.As(err, &f) {
		f.status = 125 // ours, before the server's start
		return f
	}
	return status(front.Main(flags, c.after))
}

func frontFlags(u *ucli.Context) (front.Flags, error) {
	f := front.Flags{
		Home:           u.String("home"),
		Key:            u.String("key"),
		PassphraseFile: u.String("passphrase-file"),
		Target:         u.String("target"),
		MetaKey:        u.String("meta-key"),
		HashOnly:       u.Bool("hash-only"),
		FailOpen:       u.Bool("fail-open"),
		NoOutcomes:     u.String("outcomes") == "off",
		NoSync:         u.String("sync") == "off",
		Verbose:        u.Bool("verbose"),
	}
	if !keys.ValidName(f.Key) {
		return f, misuse("names are letters, digits, - and _", "--key %q is not a name", f.Key)
	}
	if sync := u.String("sync"); sync != "always" && sync != "off" {
		return f, misuse("always waits for the disk before each call is forwarded, off does not", "--sync takes always or off, not %q", sync)
	}
	if outcomes := u.String("outcomes"); outcomes != "on" && outcomes != "off" {
		return f, misuse("on records the answer to each call, off only the calls", "--outcomes takes on or off, not %q", outcomes)
	}
	if f.MetaKey == "" {
		return f, misuse("leave it out for _signet", "--meta-key must not be empty")
	}
	var err error
	if f.MaxCall, err = parseBytes(u.String("max-call")); err != nil {
		return f, misuse("for example --max-call 64MiB", "--max-call: %w", err)
	}
	return f, nil
}

// parseBytes reads a size: a number of bytes, or with a unit, "64MiB", "64M".
func parseBytes(s string) (int, error) {
	digits := strings.TrimRight(s, "KMGiBkb ")
	n, err := strconv.Atoi(digits)
	shift, ok := map[string]int{"": 0, "b": 0, "k": 10, "kib": 10, "kb": 10, "m": 20, "mib": 20, "mb": 20, "g": 30, "gib": 30, "gb": 30}[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	if err != nil || !ok || n <= 0 || n > math.MaxInt32<<4>>shift {
		return 0, fmt.Errorf("%q is not a size in bytes", s)
	}
	return n << shift, nil
}
