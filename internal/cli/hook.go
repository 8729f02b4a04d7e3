package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/hook"
	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap"
)

func hookHelp() string {
	return `signet-wrap hook: record a client's own tools, such as Bash

USAGE
  signet-wrap hook --client ` + strings.ReplaceAll(hookClients(), ", ", "|") + ` [flags]

EXAMPLE (in the client's configuration of hooks; docs/HOOKS.md has all of it)
  "PreToolUse": [{"matcher": "*", "hooks": [{"type": "command",
    "command": "signet-wrap hook --client claude-code || exit 2",
    "onFailure": "block"}]}]

FLAGS
  --client C           the client, which gives a document on standard input
  --key NAME           the identity that signs (default: default)
  --home DIR           keys and log (default: $SIGNET_HOME or ~/.signet)
  --passphrase-file F  opens the key, if it is encrypted
  --target URI         name of the client's tools (default: CLIENT://local)
  --params, --hash-only, --hash-only-tool, --mask-secrets, --sync, --outcomes,
  --environment, --system-log, --fail-open, --verbose
                       as for wrapping: "signet-wrap help wrap"

Before a tool runs, its call is signed and on the disk when this returns. After
it, the outcome is recorded. A tool of an MCP server that a wrapper records in
the same home is not recorded again. Nothing is written to standard output.

EXIT STATUS
  0 recorded, or nothing to record
  1 an outcome could not be recorded; the tool has run
  2 the call could not be recorded, the document cannot be read, or bad usage:
    the client must not run the tool
`
}

func (c *command) hookVerb() *ucli.Command {
	return &ucli.Command{
		Name:               hookName,
		Usage:              "record a client's own tools",
		CustomHelpTemplate: hookHelp(),
		Flags:              cliFlags(flagsOfVerb(hookName)),
		Action: func(u *ucli.Context) error { // MainContext takes all but this
			return misuse(`see "signet-wrap help hook"`, "put the flags of hook after it")
		},
	}
}

const hookName = "hook"

// hookFlags are the flags of hook besides those of wrapping.
var hookFlags = []wrapFlag{
	{"client", "C", "", "", func(_ *wrapSettings, v string) error {
		if hook.ClientNamed(v) != nil {
			return nil
		}
		return misuseOfWrap("one of: "+hookClients(), "--client %q is no client with hooks that are known", v)
	}},
}

// hookClients are the names of the clients with hooks that are known.
func hookClients() string {
	var names []string
	for _, known := range hook.Clients() {
		names = append(names, known.Name)
	}
	return strings.Join(names, ", ")
}

// notForHooks are flags of wrapping without a meaning here.
var notForHooks = []string{"meta-key", "max-call"}

// hookLimit is how long a hook may take. Clients end theirs after 60 seconds or more,
// and some then run the tool.
const hookLimit = 50 * time.Second

// hook is the verb. It does without urfave/cli, because each use of a tool starts it
// twice.
func (c *command) hook(args []string) int {
	proc.Harden() // the tools that it records run beside it, as the same user
	o, err := c.hookOptions(args)
	if err == nil {
		done := make(chan error, 1)
		go func() { done <- hook.Run(c.Stdin, o) }()
		select {
		case err = <-done:
		case <-time.After(hookLimit):
			err = &hook.BlockError{Err: fmt.Errorf("it was not recorded within %v", hookLimit)}
		}
	}
	if err == nil {
		return exitOK
	}
	block, usage := (*hook.BlockError)(nil), (*failure)(nil)
	switch {
	case errors.As(err, &usage):
		return c.report(err)
	case errors.As(err, &block):
		c.complain("the tool must not run, because it cannot be recorded: "+err.Error(), "")
		return exitUsage
	}
	c.complain("the tool has run, and its outcome cannot be recorded: "+err.Error(), "")
	return exitFailed
}

// hookOptions reads the command line. Every error has exit status 2, by which the
// client does not run the tool.
func (c *command) hookOptions(args []string) (o hook.Options, err error) {
	flags, _, err := parseWrapFlags(append([]string{hookName}, args...))
	if start := (*wrap.StartError)(nil); errors.As(err, &start) {
		return o, misuse(start.Hint, "%w", err)
	}
	if len(c.after) > 0 {
		return o, misuse(`see "signet-wrap help hook"`, "hook takes no arguments (got %q)", c.after[0])
	}
	if o.Client = hook.ClientNamed(flags["client"]); o.Client == nil {
		return o, misuse("one of: "+hookClients(), "hook needs --client")
	}
	k := c.configuration(flags["home"], c.Getenv)
	list := k.wrapping(flags)
	s, h, err := inForce(list), k.dir, errors.Join(k.systemErr, k.dirErr)
	if err == nil {
		s.passphraseFile, err = home.Expand(s.passphraseFile)
	}
	if err != nil {
		return o, &hook.BlockError{Err: err}
	}
	c.complainOverridden(list...)
	o.Options, o.Recorded = s.Options.Options, c.recorded(o.Client, h)
	o.Audit, o.Say = h.Audit(), func(text string) { c.complain(text, "") }
	o.Signer = func() (*sign.Signer, error) { return c.wrapSigner(h, s) }
	o.Knows = h.Knows
	o.Keep = keepIn(h)
	o.Anchor = c.anchorFor(h, s.key)
	o.Policy = func() event.Hash {
		hash, _ := anchor.PolicyHash(h.Anchor())
		return hash
	}
	return o, nil
}

// recorded says whether the servers of a client that have one of the names are wrapped,
// with the home h, wherever it has one. A file that cannot be read may have another.
func (c *command) recorded(client *hook.Client, h home.Dir) func(names []string, directory string) bool {
	return func(names []string, directory string) bool {
		sys, err := c.system()
		if err != nil {
			return false
		}
		var projects []string
		if filepath.IsAbs(directory) {
			projects = sys.Projects(directory)
		}
		wrapped := false
		for _, f := range sys.Find(projects, client.Name) {
			opened := f.Open()
			if opened.Err != nil {
				return false
			}
			for _, e := range opened.Doc.Entries {
				if !slices.Contains(names, nameInTools(e.Name)) {
					continue
				}
				k := bare{c: c, home: sys.Home}.configuration(e)
				elsewhere := cmp.Or(e.Env["HOME"], e.Env["USERPROFILE"], sys.Home) != sys.Home // what ~ is for it
				if !e.Wrapped || k.dirErr != nil || k.dir != h || elsewhere {
					return false
				}
				wrapped = true
			}
		}
		return wrapped
	}
}

// nameInTools is a server's name as it is in the names of its tools.
func nameInTools(server string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, server)
}

// asksForHelp says whether there is a flag that asks for the help text.
func asksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return slices.Contains([]string{"--help", "-help", "--h", "-h"}, a)
	})
}
