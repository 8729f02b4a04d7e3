package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const identityHelp = `signet-wrap identity: make, list and protect keys, and say who is trusted

USAGE
  signet-wrap identity generate --name N [--owner O] [--unencrypted]
  signet-wrap identity add --name N --ssh-agent [FINGERPRINT|COMMENT]
  signet-wrap identity set-owner --name N --owner O
  signet-wrap identity list [--json]
  signet-wrap identity export --name N
  signet-wrap identity protect --name N --with SOURCE [flags]
  signet-wrap identity unprotect --name N
  signet-wrap identity rotate|retire|revoke --name N
  signet-wrap identity trust add|list|remove [--trust FILE]

EXAMPLE
  signet-wrap identity generate --name ci-bot --owner "Build team"
  signet-wrap identity export --name ci-bot > ci-bot.pub

An identity is an Ed25519 key with a name. The private half, <name>.key, signs
and stays in the directory keys of --home DIR, or with an SSH agent. The public
half, <name>.pub, is for those who verify.

EXIT STATUS
  0 done, 1 failed, 2 bad usage
`

const generateHelp = `signet-wrap identity generate: make a key

USAGE
  signet-wrap identity generate --name N [flags]

EXAMPLE
  signet-wrap identity generate --name ci-bot --owner "Build team"

FLAGS
  --name N             1 to 64 letters, digits, - and _
  --owner O            who is responsible for it; every receipt has this
  --unencrypted        keep the key without a passphrase, readable by you alone
  --passphrase-file F  take the passphrase from the first line of F
                       (or from $SIGNET_PASSPHRASE; else you are asked, twice)
  --home DIR           keys and log (default: $SIGNET_HOME or ~/.signet)

An existing key is never overwritten. If only its public half is missing, that
half is made again; the passphrase is then the one that opens the key.

EXIT STATUS
  0 made or restored, 1 failed, 2 bad usage
`

const listHelp = `signet-wrap identity list: the keys in the home directory

USAGE
  signet-wrap identity list [--json] [--home DIR]

EXAMPLE
  signet-wrap identity list --json | jq -r .pubkey

--json prints one object a line: name, pubkey, owner, created_at, private (can
sign), encrypted, agent ("ssh": an SSH agent holds it), not_usable (its private
half is there, and invalid). Invalid key files are named on stderr.

EXIT STATUS
  0 listed, 1 a key file is invalid (the others are listed), 2 bad usage
`

const exportHelp = `signet-wrap identity export: print the public half of a key

USAGE
  signet-wrap identity export --name N [--home DIR]

EXAMPLE
  signet-wrap identity export --name ci-bot > ci-bot.pub
  signet-wrap verify receipt.json --pubkey ci-bot.pub       (elsewhere)

EXIT STATUS
  0 printed, 1 no such key, or its file is invalid, 2 bad usage
`

func (c *command) identityVerb() *ucli.Command {
	name := &ucli.StringFlag{Name: "name"}
	return &ucli.Command{
		Name:               "identity",
		Usage:              "make, list and export keys",
		CustomHelpTemplate: identityHelp,
		Flags:              []ucli.Flag{homeFlag()},
		Action: func(u *ucli.Context) error {
			if a := c.args(u); len(a) > 0 {
				return noSuchVerb(u.App.Commands, "identity", a[0], `see "signet-wrap help identity"`)
			}
			fmt.Fprint(c.Stdout, identityHelp)
			return nil
		},
		Subcommands: append([]*ucli.Command{{
			Name: "generate", CustomHelpTemplate: generateHelp,
			Flags:  []ucli.Flag{name, &ucli.StringFlag{Name: "owner"}, &ucli.BoolFlag{Name: "unencrypted"}, homeFlag(), passphraseFileFlag()},
			Action: c.generate,
		}, c.addVerb(), c.setOwnerVerb(), {
			Name: "list", CustomHelpTemplate: listHelp,
			Flags:  []ucli.Flag{&ucli.BoolFlag{Name: "json"}, homeFlag()},
			Action: c.list,
		}, {
			Name: "export", CustomHelpTemplate: exportHelp,
			Flags:  []ucli.Flag{name, homeFlag()},
			Action: c.export,
		}, c.rotateVerb(), c.retireVerb(), c.revokeVerb(), c.trustVerb()}, c.protectVerbs()...),
	}
}

// keyName is --name, which must be there and be a name.
func (c *command) keyName(u *ucli.Context, flag string) (string, error) {
	if err := c.noArgs(u); err != nil {
		return "", err
	}
	return c.validName(u, flag)
}

// keyIn is the key that --name names, and the home directory, which must exist.
func (c *command) keyIn(u *ucli.Context) (h home.Dir, name string, err error) {
	if name, err = c.keyName(u, "name"); err != nil {
		return "", "", err
	}
	h, err = c.existingHome(u)
	return h, name, err
}

// validName is keyName for a verb that takes arguments.
func (c *command) validName(u *ucli.Context, flag string) (string, error) {
	name := u.String(flag)
	if name == "" {
		return "", misuse(fmt.Sprintf("see %q", helpCommand(u)), "--%s is missing", flag)
	}
	if !keys.ValidName(name) {
		return "", misuse("1 to 64 letters, digits, - and _", "--%s %q is not a name", flag, name)
	}
	return name, nil
}

// noArgs refuses arguments where only flags make sense, or verbs.
func (c *command) noArgs(u *ucli.Context) error {
	if a := c.args(u); len(a) > 0 {
		if len(u.Command.Subcommands) > 0 {
			return noSuchVerb(u.App.Commands, strings.TrimPrefix(u.Command.HelpName, u.App.Name+" "), a[0], fmt.Sprintf("see %q", helpCommand(u)))
		}
		return misuse(fmt.Sprintf("see %q", helpCommand(u)), "%s takes no arguments (got %q)", strings.TrimPrefix(u.Command.HelpName, u.App.Name+" "), a[0])
	}
	return nil
}

func (c *command) generate(u *ucli.Context) error {
	name, err := c.keyName(u, "name")
	if err != nil {
		return err
	}
	plain := u.Bool("unencrypted")
	if plain && flagUp(u, "passphrase-file") != "" {
		return misuse("leave one of the two out", "--unencrypted makes no use of --passphrase-file")
	}
	h, err := c.home(u)
	if err != nil {
		return err
	}
	store := h.Keys()
	taken := fmt.Errorf("there is a key %q in %s", name, store.Dir)
	// Before anybody has to invent a passphrase. A .key alone is made whole.
	p, err := store.Restore(name, u.String("owner"), func() ([]byte, error) { return c.oldPassphrase(u, h, name) })
	switch _, public := store.Paths(name); {
	case err == nil:
		fmt.Fprintf(c.Stdout, "the key %q was there: restored its public half\n", name)
		fmt.Fprintf(c.Stdout, "  public   %s\n           %s\n", public, formatKey(p.Key))
		return nil
	case errors.Is(err, fs.ErrExist):
		return fail("a key is never overwritten: choose another --name", taken)
	case !errors.Is(err, keys.ErrNoKey):
		return err
	}
	if _, err := store.Public(name); !errors.Is(err, keys.ErrNoKey) {
		return fail("a key is never overwritten: choose another --name", taken)
	}
	var passphrase []byte
	if !plain {
		if passphrase, err = c.newPassphrase(u, name); err != nil {
			return err
		}
		defer clear(passphrase)
	}
	p, err = store.Generate(name, u.String("owner"), passphrase)
	if errors.Is(err, fs.ErrExist) {
		return fail("a key is never overwritten: choose another --name", taken)
	}
	if err != nil {
		return fmt.Errorf("making the key %q: %w", name, err)
	}

	how := "encrypted with your passphrase"
	if plain {
		how = "NOT encrypted: whoever reads the file can sign"
	}
	private, public := store.Paths(name)
	inHome := ""
	if flagUp(u, "home") != "" {
		inHome = " --home " + text.Quote(string(h))
	}
	fmt.Fprintf(c.Stdout, "made the key %q\n", name)
	fmt.Fprintf(c.Stdout, "  private  %s (%s)\n", private, how)
	fmt.Fprintf(c.Stdout, "  public   %s\n", public)
	fmt.Fprintf(c.Stdout, "           %s\n", formatKey(p.Key))
	fmt.Fprintf(c.Stdout, "next\n")
	fmt.Fprintf(c.Stdout, "  sign with it           signet-wrap --key %s%s -- COMMAND\n", name, inHome)
	if !plain {
		fmt.Fprintf(c.Stdout, "                         and SIGNET_PASSPHRASE in the client's \"env\", or --passphrase-file F\n")
	}
	fmt.Fprintf(c.Stdout, "  keep the public half   signet-wrap identity export --name %s%s > %s.pub\n", name, inHome, name)
	fmt.Fprintf(c.Stdout, "                         where the agent cannot reach it\n")
	return nil
}

// listed is a line of `identity list --json`.
type listed struct {
	Name      string `json:"name"`
	Pubkey    string `json:"pubkey"` // as in receipts
	Owner     string `json:"owner"`
	CreatedAt string `json:"created_at,omitempty"`
	Private   bool   `json:"private"`
	Encrypted bool   `json:"encrypted"`
	Agent     string `json:"agent,omitempty"`
	Retired   bool   `json:"retired,omitempty"`
	NotUsable bool   `json:"not_usable,omitempty"` // there is a private half, in disorder
}

func (c *command) list(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	list, disorder := h.Keys().Known()
	if u.Bool("json") {
		err = c.listJSON(h.Keys(), list)
	} else {
		err = c.listTable(h.Keys(), list)
	}
	if err != nil {
		return err
	}
	if len(list) == 0 && disorder == nil {
		c.complain("no keys in "+h.Keys().Dir, "signet-wrap identity generate --name NAME")
	}
	if disorder != nil {
		c.complainEach(disorder)
		return status(exitFailed)
	}
	return nil
}

func (c *command) listJSON(store keys.Store, list []keys.Public) error {
	for _, p := range list {
		l := listed{Name: p.Name, Pubkey: formatKey(p.Key), Owner: p.Owner, Private: p.Private, Encrypted: p.Encrypted, Agent: p.Agent, Retired: p.Retired}
		l.NotUsable = !p.Private && !p.Retired && there(store, p.Name)
		if !p.Created.IsZero() {
			l.CreatedAt = formatTime(p.Created)
		}
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.Stdout, "%s\n", b); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) listTable(store keys.Store, list []keys.Public) error {
	if len(list) == 0 {
		return nil
	}
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	zone := localZone()
	heading := fmt.Sprintf("NAME\tPRIVATE HALF\tCREATED (%s)\tOWNER\tPUBLIC KEY", zone)
	fmt.Fprintln(t, heading)
	owner := offScreen // the most of an owner: on a screen it leaves room for the beginning of the key
	if w := c.width(); w > 0 {
		names := 0
		for _, p := range list {
			names = max(names, utf8.RuneCountInString(p.Name))
		}
		owner = max(w-names-len(heading)-len("ed25519:"), 10)
	}
	for _, p := range list {
		private, created := "not here", "-"
		switch {
		case p.Retired:
			private = "retired"
		case p.Agent != "":
			private = "ssh agent"
		case p.Encrypted:
			private = "encrypted"
		case p.Private:
			private = "plain"
		case there(store, p.Name):
			private = "not usable" // and why is said on stderr
		}
		if !p.Created.IsZero() {
			created = p.Created.In(zone).Format("2006-01-02 15:04")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Name, private, created, shorten(clean(p.Owner), owner), formatKey(p.Key))
	}
	t.Flush()
	for line := range strings.Lines(table.String()) {
		line = strings.TrimSuffix(line, "\n")
		if w := c.width(); w > 0 {
			line = shorten(line, w) // the end of the key: --json has all of it
		}
		if _, err := fmt.Fprintln(c.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// there says whether there is a private half, in order or not.
func there(store keys.Store, name string) bool {
	private, _ := store.Paths(name)
	_, err := os.Lstat(private)
	return err == nil
}

func (c *command) export(u *ucli.Context) error {
	h, name, err := c.keyIn(u)
	if err != nil {
		return err
	}
	p, err := h.Keys().Public(name)
	if errors.Is(err, keys.ErrNoKey) {
		return fail("see `signet-wrap identity list`", err)
	}
	if err != nil {
		return err
	}
	if p.Created.IsZero() { // there is no .pub: this is the making of one
		p.Created = time.Now()
	}
	_, err = c.Stdout.Write(keys.FormatPublic(p))
	return err
}

// formatTime is a time as receipts have it.
func formatTime(t time.Time) string { return event.FormatTime(t) }
