package cli

import (
	"errors"
	"path/filepath"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

const anchorHelp = `signet-wrap anchor: have witnesses remember the length and hash of the log

USAGE
  signet-wrap anchor init [--origin O] [--witness VKEY@URL]... [--quorum K]
                          [--tsa URL --tsa-root PEM] [--store DIR]
  signet-wrap anchor now | status                       [--store DIR] [--json]
  signet-wrap anchor enroll [--output FILE]             [--store DIR]
  signet-wrap anchor new-epoch --reason TEXT            [--store DIR]

EXAMPLE
  signet-wrap anchor init --witness example.com/w1+7e…+BD…@https://w1.example
  signet-wrap anchor enroll --output kit.json       and keep kit.json elsewhere
  signet-wrap anchor now

A witness cosigns the length of the log and a hash of it. Once it has, it
never cosigns a shorter log, or another one: so truncation and rewriting show,
whoever did it. Only origin, sizes, hashes and the log's signature leave this
host. While servers are wrapped, "anchor now" starts by itself if the store is
in the home. It is better to keep the store where the agent cannot reach it,
with a timer of another user: "anchor now --home H --store DIR" only reads H.

VERBS
  init       make the store, or change its witnesses and authority
  now        bring it up to the log's end, and ask all witnesses
  status     what is anchored, and by whom
  enroll     what a witness's operator needs, and the kit for verify --kit
  new-epoch  begin again, if the log is not the one that was anchored
  "signet-wrap anchor VERB --help" explains one.

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not all could be established
`

func (c *command) anchorVerb() *ucli.Command {
	store := storeFlag()
	reason, origin := &ucli.StringFlag{Name: "reason"}, &ucli.StringFlag{Name: "origin"}
	asJSON := &ucli.BoolFlag{Name: "json"}
	event := []ucli.Flag{&ucli.StringFlag{Name: "key"}, passphraseFileFlag(), homeFlag()}
	signs := append([]ucli.Flag{store}, event...)
	verb := func(name, help string, action ucli.ActionFunc, flags ...ucli.Flag) *ucli.Command {
		return &ucli.Command{
			Name: name, CustomHelpTemplate: help, Flags: flags,
			Action: func(u *ucli.Context) error {
				if err := c.noArgs(u); err != nil {
					return err
				}
				c.anchorSaid = true // these verbs report findings themselves
				if _, err := c.systemConfig(); err != nil {
					return couldNot(err)
				}
				return couldNot(action(u))
			},
		}
	}
	return &ucli.Command{
		Name:               "anchor",
		Usage:              "have others remember how far the log goes",
		CustomHelpTemplate: anchorHelp,
		Flags:              []ucli.Flag{homeFlag()},
		Subcommands: []*ucli.Command{
			verb("init", anchorInitHelp, c.anchorInit, append(anchorSettingFlags(), event...)...),
			verb("now", anchorNowHelp, c.anchorNow, append(signs, asJSON, &ucli.BoolFlag{Name: "due", Hidden: true})...),
			verb("status", anchorStatusHelp, c.anchorStatus, append(signs, asJSON)...),
			verb("enroll", anchorEnrollHelp, c.anchorEnroll, append(signs, &ucli.StringFlag{Name: "output"})...),
			verb("new-epoch", anchorNewEpochHelp, c.anchorNewEpoch, append(signs, reason, origin)...),
		},
		Action: func(u *ucli.Context) error {
			if a := c.args(u); len(a) > 0 {
				return noSuchVerb(u.App.Commands, "anchor", a[0], `see "signet-wrap help anchor"`)
			}
			return misuse(`see "signet-wrap help anchor"`, "anchor needs a verb: init, now, status, enroll or new-epoch")
		},
	}
}

// couldNot gives an error exit status 2: status 1 is for a log that is not the one
// that was anchored.
func couldNot(err error) error {
	var s status
	var f *failure
	if err == nil || errors.As(err, &s) || errors.As(err, &f) && f.status != exitFailed {
		return err
	}
	hint := ""
	if f != nil {
		hint = f.hint
	}
	return &failure{exitUsage, err, hint}
}

// store is where the store is: where the command line says, else where it is for
// wrapping. What locks it does not keep verify from looking at another one.
func (c *command) store(u *ucli.Context, h home.Dir) (dir string, inHome bool) {
	given := u.String("store")
	if given == "" {
		return c.storeOf(h)
	}
	if s := c.configurationOf(h).setting(anchorPrefix+"store", []string{given}); s.Overridden != nil && c.verb == "anchor" {
		c.complainOverridden(s)
		return c.storeOf(h)
	}
	return given, isAnchor(h, given)
}

// storeOf is where a home's store is: what is locked, else what the home's
// config.toml says, else where "anchor init" has made it, else what the system's says.
func (c *command) storeOf(h home.Dir) (dir string, inHome bool) {
	s := c.configurationOf(h).setting(anchorPrefix+"store", nil)
	if s.Values != nil {
		if dir, err := home.Expand(s.Values[0]); err == nil {
			return dir, isAnchor(h, dir)
		}
	}
	return h.Anchor(), true
}

func isAnchor(h home.Dir, dir string) bool {
	abs, err := filepath.Abs(dir)
	return err == nil && abs == h.Anchor()
}

// keyOf is the key that signs events.
func (c *command) keyOf(u *ucli.Context, h home.Dir) string {
	var given []string
	if key := u.String("key"); key != "" {
		given = []string{key}
	}
	s := c.configurationOf(h).setting("key", given)
	c.complainOverridden(s)
	return slices.Concat(s.Values, []string{home.DefaultKey})[0]
}

// openStore opens the store that the command line names.
func (c *command) openStore(u *ucli.Context, h home.Dir) (*anchor.Store, error) {
	dir, _ := c.store(u, h)
	s, err := anchor.Open(dir)
	if errors.Is(err, anchor.ErrNoStore) {
		return nil, fail(`make one by "signet-wrap anchor init", or name another with --store`, err)
	}
	return s, err
}

// existingStore is the home directory, which must exist, and the store.
func (c *command) existingStore(u *ucli.Context) (home.Dir, *anchor.Store, error) {
	h, err := c.existingHome(u)
	if err != nil {
		return h, nil, err
	}
	s, err := c.openStore(u, h)
	return h, s, err
}

func storeArg(u *ucli.Context) string {
	if dir := u.String("store"); dir != "" {
		return " --store " + dir
	}
	return ""
}
