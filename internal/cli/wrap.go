package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
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
  --meta-key KEY      where in params._meta the receipt goes (default: _signet)
  --max-call BYTES    the longest line taken from the client (default: 64MiB)
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)
  --passphrase-file F the passphrase of an encrypted key (or $SIGNET_PASSPHRASE)
  --verbose           say on stderr what is recorded

VERBS
  demo       a session from end to end, with nothing else installed
  audit      what was called, as a table
  verify     a receipt, or with --chain the whole log
  identity   make, list and export keys
  sign       a receipt by hand
  version    what this is
  "signet-wrap VERB --help" tells more.

EXIT STATUS
  the server's own; 127 COMMAND not found, 126 not executable, 125 own failure
`

func wrapFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "key", Value: defaultKey},
		&ucli.StringFlag{Name: "target"},
		&ucli.BoolFlag{Name: "hash-only"},
		&ucli.BoolFlag{Name: "fail-open"},
		&ucli.StringFlag{Name: "sync", Value: "always"},
		&ucli.StringFlag{Name: "meta-key", Value: wrap.DefaultMetaKey},
		&ucli.StringFlag{Name: "max-call", Value: strconv.Itoa(wrap.DefaultMaxCall)},
		&ucli.BoolFlag{Name: "verbose"},
	}
}

// defaultKey is the identity that wrapping makes if there is none.
const defaultKey = "default"

// wrapOrHelp is the program without a verb.
func (c *command) wrapOrHelp(u *ucli.Context) error {
	if name := u.Args().First(); name != "" {
		return misuse(`to wrap a server, put "--" before its command: signet-wrap -- `+name, "there is no verb %q", name)
	}
	if !c.dashed {
		fmt.Fprint(c.Stdout, rootHelp)
		return nil
	}
	o, err := c.wrapOptions(u)
	if err != nil {
		return c.beforeStart(err)
	}
	exit, err := wrap.Run(o)
	if start := (*wrap.StartError)(nil); errors.As(err, &start) {
		return &failure{start.Status, start, start.Hint}
	}
	if err != nil {
		return c.beforeStart(err)
	}
	return status(exit.Mirror())
}

// beforeStart makes err a failure of our own before the server ran, status
// 125, keeping its hint.
func (c *command) beforeStart(err error) error {
	f := &failure{err: err}
	errors.As(err, &f)
	return &failure{125, err, f.hint}
}

func (c *command) wrapOptions(u *ucli.Context) (wrap.Options, error) {
	if len(c.after) == 0 || c.after[0] == "" {
		return wrap.Options{}, misuse("signet-wrap -- COMMAND [ARG...]", `no server command behind "--"`)
	}
	h, err := c.home(u)
	if err != nil {
		return wrap.Options{}, err
	}
	name := u.String("key")
	if !keys.ValidName(name) {
		return wrap.Options{}, misuse("names are letters, digits, - and _", "--key %q is not a name", name)
	}
	maxCall, err := parseBytes(u.String("max-call"))
	if err != nil {
		return wrap.Options{}, misuse("for example --max-call 64MiB", "--max-call: %w", err)
	}
	sync := u.String("sync")
	if sync != "always" && sync != "off" {
		return wrap.Options{}, misuse("always waits for the disk before each call is forwarded, off does not", "--sync takes always or off, not %q", sync)
	}
	metaKey := u.String("meta-key")
	if metaKey == "" {
		return wrap.Options{}, misuse("", "--meta-key must not be empty")
	}
	stderr, ok := c.Stderr.(*os.File)
	if !ok {
		stderr = os.Stderr
	}
	stdout, ok := c.Stdout.(*os.File)
	if !ok {
		stdout = os.Stdout
	}
	return wrap.Options{
		Command:  c.after,
		Stdin:    c.Stdin,
		Stdout:   stdout,
		Stderr:   stderr,
		Audit:    h.audit(),
		Signer:   func() (*sign.Signer, error) { return c.wrapSigner(u, h.keys(), name) },
		Target:   u.String("target"),
		HashOnly: u.Bool("hash-only"),
		FailOpen: u.Bool("fail-open"),
		NoSync:   sync == "off",
		MetaKey:  metaKey,
		MaxCall:  maxCall,
		Verbose:  u.Bool("verbose"),
	}, nil
}

// wrapSigner opens the key that signs, at the first call. It never prompts:
// the terminal, if there is one, is not ours while wrapping.
func (c *command) wrapSigner(u *ucli.Context, store keys.Store, name string) (*sign.Signer, error) {
	key, err := store.Load(name, func() ([]byte, error) { return c.storedPassphrase(u) })
	if errors.Is(err, fs.ErrNotExist) && name == defaultKey {
		if _, err := store.Generate(name, "", nil); err == nil {
			c.complain(fmt.Sprintf("made the key %q, not encrypted, in %s", name, store.Dir), "")
		} else if !errors.Is(err, fs.ErrExist) { // another wrapper may have been quicker
			return nil, err
		}
		key, err = store.Load(name, nil)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no key %q: make it with `signet-wrap identity generate --name %s`", name, name)
	case errors.Is(err, keys.ErrPassphraseNeeded):
		return nil, fmt.Errorf("the key %q is encrypted: give --passphrase-file, or set SIGNET_PASSPHRASE in the client's configuration", name)
	case err != nil:
		return nil, err
	}
	for _, w := range key.Warnings {
		c.complain(w, "")
	}
	return sign.NewSigner(key, key.Name, key.Owner)
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
