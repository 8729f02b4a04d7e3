package cli

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
)

// wrap wraps the command after "--", if that is what args, the command line
// before it without the program's name, asks for. It returns the exit status:
// the server's own (and by its signal, if one killed it), or 125 to 127 with a
// line on stderr. ok is false if the command line is for urfave/cli.
func (c *command) wrap(args []string) (exit int, ok bool) {
	flags, verb, err := parseWrapFlags(args)
	if errors.Is(err, errNotWrapping) || verb == hookName {
		return 0, false
	}
	messages := wrap.NewQueuedWriter(c.Stderr) // of what wraps, too: the client may read none
	c.Stderr = messages
	var end wrap.Exit
	if err == nil {
		end, err = c.run(flags, verb == checkName)
	}
	if err == nil {
		messages.Close()
		return end.Mirror(), true
	}
	defer messages.Close()
	exit, hint := 125, ""
	if start := (*wrap.StartError)(nil); errors.As(err, &start) {
		exit, hint = start.Status, start.Hint
	}
	c.complain(err.Error(), hint)
	return exit, true
}

// run wraps the command after "--", with these flags. With checks it is on the
// server's side, and calls pass by their receipts.
func (c *command) run(flags map[string]string, checks bool) (wrap.Exit, error) {
	if len(c.after) == 0 || c.after[0] == "" {
		return wrap.Exit{}, misuseOfWrap("signet-wrap -- COMMAND [ARG...]", `no server command after "--"`)
	}
	staySmall()
	k := c.configuration(flags["home"], c.Getenv)
	list := k.wrapping(flags)
	s, h, err := inForce(list), k.dir, k.dirErr
	if checks {
		if err != nil {
			return wrap.Exit{}, misuseOfWrap("", "%w", err) // nothing could be checked
		}
		s.Via, s.Transport = checkName, checkName
		for _, f := range checkFlags {
			if v, ok := flags[f.name]; ok {
				f.take(s, v)
			}
		}
		if s.Check, err = c.checker(h, s); err != nil {
			return wrap.Exit{}, err
		}
		defer s.Check.Close()
	}
	o := s.Options
	o.OwnProcess = true
	o.Command, o.Diagnostics = c.after, c.Stderr
	if k.systemErr != nil {
		// What it locks is not known, so nothing is forwarded, by --fail-open neither.
		c.complain(k.systemErr.Error()+": every call is refused", `see "signet-wrap doctor"`)
		o.FailOpen, o.Signer = false, func() (*sign.Signer, error) { return nil, k.systemErr }
		return wrap.Run(o)
	}
	c.complainOverridden(list...)
	if k.homeErr != nil {
		c.complain(k.homeErr.Error()+": it is ignored", `see "signet-wrap doctor"`)
	}
	if err == nil {
		s.passphraseFile, err = home.Expand(s.passphraseFile)
	}
	if err != nil {
		// Nothing is added to fail: a server starts without a home, too. Its
		// calls are refused with the reason or, by --fail-open, forwarded.
		c.complain(err.Error(), "")
		o.Signer = func() (*sign.Signer, error) { return nil, err }
		return wrap.Run(o)
	}
	o.Settings = recordedSettings(list)
	o.Audit, o.Tools = h.Audit(), h.Tools()
	o.Signer = func() (*sign.Signer, error) { return c.wrapSigner(h, s) }
	o.Knows = h.Knows
	o.Keep = keepIn(h)
	o.Anchor = c.anchorFor(h, s.key)
	o.Policy = c.policyOf(h)
	return wrap.Run(o)
}

// staySmall trades a few microseconds a call for memory: thirty wrappers may run
// on a laptop, each beside a server that is idle most of the time.
func staySmall() {
	// What a wrapper keeps is less than 1 MB, so collecting at 2 MB and not at
	// 4 saves most of the difference. It also halves what a call of many
	// megabytes leaves to be collected.
	debug.SetGCPercent(50)
	// Nobody reads the profile, whose table alone takes 1.4 MB.
	runtime.MemProfileRate = 0
}

// wrapSigner opens the key that signs, at the first call. It never asks: the
// terminal, if there is one, is not ours while wrapping.
func (c *command) wrapSigner(h home.Dir, s *wrapSettings) (*sign.Signer, error) {
	return home.Unlock{Home: h, Key: s.key, File: s.passphraseFile, Getenv: c.Getenv, Stderr: c.Stderr}.Signer(func(text string) { c.complain(text, "") })
}

// noVerb is the program without a verb and without "--". To a client a page of
// help and exit status 0 would be a server that ended well, so it is neither.
func (c *command) noVerb(u *ucli.Context) error {
	const usage = "signet-wrap [flags] -- COMMAND [ARG...]"
	switch name := u.Args().First(); {
	case u.Bool("version") && u.NArg() == 0 && u.NumFlags() == 1 && c.after == nil:
		_, err := fmt.Fprintln(c.Stdout, version())
		return err
	case strings.HasPrefix(name, "–") || strings.HasPrefix(name, "—"): // an editor made one of two hyphens
		return misuse(usage, "%q begins with a dash, not with hyphens", name)
	case name != "" && c.after != nil && u.NumFlags() > 0: // "--fail-open false -- npx"
		return misuse(usage, `%q before "--" is neither a flag nor its value`, name)
	case name != "":
		return noSuchVerb(u.App.Commands, "", name, fmt.Sprintf(`"signet-wrap help" lists the verbs; to wrap a server, put "--" before its command: signet-wrap [flags] -- %s ...`, name))
	case u.NArg() > 0 || u.NumFlags() > 0:
		return misuse(usage, `the server's command is missing, and the "--" before it`)
	}
	fmt.Fprint(c.Stderr, rootHelp)
	return status(exitUsage)
}
