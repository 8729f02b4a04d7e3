package cli

import (
	"errors"
	"fmt"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const setOwnerHelp = `signet-wrap identity set-owner: say who is responsible for a key

USAGE
  signet-wrap identity set-owner --name N --owner O [flags]

EXAMPLE
  signet-wrap identity set-owner --name ci-bot --owner "Build team"

FLAGS
  --name N             the key
  --owner O            who is responsible for it from now on; "" for nobody
  --passphrase-file F  take the passphrase from the first line of F
                       (or from $SIGNET_PASSPHRASE; else you are asked)
  --home DIR           keys and log (default: $SIGNET_HOME or ~/.signet)

The key signs an event in the log, and its .pub gets the owner. Receipts have
it from then on. Wrappers that run already have it after a restart.
Where an older receipt has no owner, "audit" shows this one.

EXIT STATUS
  0 done, 1 failed, 2 bad usage
`

// maxOwner bounds an owner, in bytes: it is in every receipt.
const maxOwner = 200

func (c *command) setOwnerVerb() *ucli.Command {
	return &ucli.Command{
		Name: "set-owner", CustomHelpTemplate: setOwnerHelp,
		Flags:  []ucli.Flag{&ucli.StringFlag{Name: "name"}, &ucli.StringFlag{Name: "owner"}, homeFlag(), passphraseFileFlag()},
		Action: c.setOwner,
	}
}

func (c *command) setOwner(u *ucli.Context) error {
	name, err := c.keyName(u, "name")
	if err != nil {
		return err
	}
	owner := u.String("owner")
	switch {
	case !u.IsSet("owner"):
		return misuse(fmt.Sprintf("see %q", helpCommand(u)), "--owner is missing")
	case len(owner) > maxOwner || !utf8.ValidString(owner):
		return misuse(fmt.Sprintf("%d bytes at most: it is in every receipt", maxOwner), "--owner is too long, or no text")
	}
	h, err := c.existingHome(u)
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
	if p.Owner == owner {
		fmt.Fprintf(c.Stdout, "the owner of %q is %q already\n", name, clean(owner))
		return nil
	}
	signer, err := c.signer(u, h, name)
	if err != nil {
		return err
	}
	// The log first: what the .pub says is nobody's signed word.
	err = c.appendEvent(h, signer, event.Owner{Owner: owner, Was: p.Owner})
	if err != nil {
		return fmt.Errorf("recording the owner: %w", err)
	}
	if err := h.Keys().SetOwner(name, owner); err != nil {
		return fmt.Errorf("the owner is in the log, but not in the key's .pub: %w", err)
	}
	fmt.Fprintf(c.Stdout, "the owner of %q is %q (was %q), by a signed event in the log\n", name, clean(owner), clean(p.Owner))
	fmt.Fprintf(c.Stdout, "next\n  restart the clients: wrappers that run already sign with the owner that they began with\n")
	return nil
}
