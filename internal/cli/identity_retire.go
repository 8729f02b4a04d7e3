package cli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/keychain"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const rotateHelp = `signet-wrap identity rotate: put a new key in the place of one

USAGE
  signet-wrap identity rotate --name N [--passphrase-file F] [--home DIR]
  signet-wrap identity rotate --name N --ssh-agent [FINGERPRINT|COMMENT]
                              [--socket PATH]

EXAMPLE
  signet-wrap identity rotate --name default
  signet-wrap identity export --name default > default.pub

The name stays, and so do clients' configurations. The new key is protected as
the old one is, or an SSH agent holds it. The old private half is deleted; its
public half goes to keys/retired, where verification finds it. The old key
signs an event that names the new one. The event makes nobody trust the new
key: a trust file does. Running servers use the old key until they end. What
it signs in later sessions is exit 3. For a leak, see "identity revoke".

EXIT STATUS
  0 rotated, 1 failed, 2 bad usage
`

const retireHelp = `signet-wrap identity retire: end the use of a key

USAGE
  signet-wrap identity retire --name N [--passphrase-file F] [--home DIR]

EXAMPLE
  signet-wrap identity retire --name ci-bot

Deletes the private half. The public half goes to keys/retired, where
verification finds it. The key signs an event that says so. Running servers
use it until they end. What it signs in later sessions is exit 3.

EXIT STATUS
  0 retired, 1 failed, 2 bad usage
`

const revokeHelp = `signet-wrap identity revoke: say that a key leaked

USAGE
  signet-wrap identity revoke --name N [--since TIME] [--reason TEXT] [flags]
  signet-wrap identity revoke --pubkey KEY --name N [--since TIME] [flags]

EXAMPLE
  signet-wrap identity revoke --name default --since 2026-11-29T12:00:00Z
  signet-wrap identity generate --name default --unencrypted

FLAGS
  --name N             the key that leaked; it is retired, too
  --pubkey KEY         a key of keys/retired instead (ed25519:B64); N signs
  --since TIME         from when on (RFC 3339); default: from now on
  --reason TEXT        for those who read the log
  --passphrase-file F  the passphrase of an encrypted key
  --home DIR           keys and log (default: $SIGNET_HOME or ~/.signet)

What the key signed after the first record of that time, whatever time it
claims, is exit 3, until "verify --accept ID" names the event. Whoever has the
key can sign events, too: close it first in a trust file outside the account
("identity trust"). docs/KEYS.md has all the steps.

EXIT STATUS
  0 revoked, 1 failed, 2 bad usage
`

func (c *command) rotateVerb() *ucli.Command {
	return &ucli.Command{
		Name: "rotate", CustomHelpTemplate: rotateHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "name"}, agentFlag{}, &ucli.StringFlag{Name: "socket"}, homeFlag(), passphraseFileFlag(),
		},
		Action: c.rotate,
	}
}

func (c *command) retireVerb() *ucli.Command {
	return &ucli.Command{
		Name: "retire", CustomHelpTemplate: retireHelp,
		Flags:  []ucli.Flag{&ucli.StringFlag{Name: "name"}, homeFlag(), passphraseFileFlag()},
		Action: c.retire,
	}
}

func (c *command) revokeVerb() *ucli.Command {
	return &ucli.Command{
		Name: "revoke", CustomHelpTemplate: revokeHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "name"}, &ucli.StringFlag{Name: "pubkey"}, &ucli.StringFlag{Name: "since"},
			&ucli.StringFlag{Name: "reason"}, homeFlag(), passphraseFileFlag(),
		},
		Action: c.revoke,
	}
}

func (c *command) rotate(u *ucli.Context) error {
	name, err := c.validName(u, "name")
	if err != nil {
		return err
	}
	args := c.agentArgs(u)
	if len(args) > 1 || len(args) == 1 && !u.IsSet("ssh-agent") {
		return misuse(fmt.Sprintf("see %q", helpCommand(u)), "rotate takes one fingerprint or comment, after --ssh-agent (got %q)", args[len(args)-1])
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	var next *keys.HeldKey
	if u.IsSet("ssh-agent") {
		if next, _, err = c.agentKey(u, args); err != nil {
			return err
		}
	}
	store := h.Keys()
	former, _ := store.Source(name)
	old, now, err := store.Rotate(name, next, func() ([]byte, error) { return c.oldPassphrase(u, h, name) })
	if errors.Is(err, keys.ErrHeld) {
		return fail("name the new key: --ssh-agent FINGERPRINT", err)
	}
	if err != nil {
		return c.advised(store, name, err)
	}
	if next != nil && former != nil && former.Kind == keys.Keychain {
		keychain.Delete(former.Entry) // best effort: it opens nothing any more
	}
	fmt.Fprintf(c.Stdout, "rotated the key %q\n", name)
	fmt.Fprintf(c.Stdout, "  old      %s\n", formatKey(old.Public().(ed25519.PublicKey)))
	fmt.Fprintf(c.Stdout, "           %s\n", store.RetiredPath(name, old.Public().(ed25519.PublicKey)))
	fmt.Fprintf(c.Stdout, "  new      %s\n", formatKey(now.Key))
	err = c.tellKey(h, old, event.KeyRotated{Name: name, Key: formatKey(old.Public().(ed25519.PublicKey)), Successor: formatKey(now.Key)})
	fmt.Fprintf(c.Stdout, "next\n  those who verify need the new public half: signet-wrap identity export --name %s\n", name)
	return err
}

func (c *command) retire(u *ucli.Context) error {
	h, name, err := c.keyIn(u)
	if err != nil {
		return err
	}
	return c.retireWith(u, h, name, func(p *keys.Public) event.Event {
		return event.KeyRetired{Name: name, Key: formatKey(p.Key)}
	})
}

// retireWith retires a key, which signs the event for the last time.
func (c *command) retireWith(u *ucli.Context, h home.Dir, name string, e func(*keys.Public) event.Event) error {
	store := h.Keys()
	key, err := store.Load(name, func() ([]byte, error) { return c.oldPassphrase(u, h, name) })
	if err != nil && !errors.Is(err, keys.ErrPublicOnly) {
		return c.advised(store, name, err)
	}
	former, _ := store.Source(name)
	p, err := store.Retire(name)
	if err != nil {
		return err
	}
	if former != nil && former.Kind == keys.Keychain {
		keychain.Delete(former.Entry) // best effort: it opens nothing any more
	}
	fmt.Fprintf(c.Stdout, "retired the key %q; its public half is now %s\n", name, store.RetiredPath(name, p.Key))
	if key == nil {
		c.complain("only the public half of this key was here, so no event records that it is retired", "")
		return nil
	}
	return c.tellKey(h, key, e(p))
}

// advised is an error of a store with what to do about it.
func (c *command) advised(store keys.Store, name string, err error) error {
	if do := store.Advice(name, err); do != "" {
		return fail(do, err)
	}
	return err
}

// tellKey writes an event about a key, signed with a key, to the log, if there is one.
func (c *command) tellKey(h home.Dir, key *keys.Key, e event.Event) error {
	signer, err := sign.NewSigner(key, key.Name, key.Owner)
	if err != nil {
		return err
	}
	if err := c.appendEvent(h, signer, e); err != nil {
		return fmt.Errorf("the keys are as they should be, but no event in the log says it: %w", err)
	}
	return nil
}

func (c *command) revoke(u *ucli.Context) error {
	name, err := c.keyName(u, "name")
	if err != nil {
		return err
	}
	e := event.KeyRevoked{Name: name, Reason: u.String("reason")}
	if s := u.String("since"); s != "" {
		if e.Since, err = time.Parse(time.RFC3339, s); err != nil || e.Since.After(time.Now()) {
			return misuse("RFC 3339, such as 2026-11-29T12:00:00Z, and not in the future", "--since %q is not a valid time", s)
		}
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	store := h.Keys()
	if given := u.String("pubkey"); given != "" {
		p, _, err := c.pubkey("", given)
		if err != nil {
			return misuse("ed25519:B64 as `signet-wrap identity list` has it, or a FILE of keys/retired", "--pubkey %q: %w", given, err)
		}
		retired, _ := store.Retired()
		for _, r := range retired {
			if r.Key.Equal(p.Key) {
				e.Key, e.Name = formatKey(r.Key), r.Name
			}
		}
		if e.Key == "" {
			return fail("name a key that still signs with --name", fmt.Errorf("%s is not a key that was retired here", given))
		}
		key, err := store.Load(name, func() ([]byte, error) { return c.oldPassphrase(u, h, name) })
		if err != nil {
			return c.advised(store, name, err)
		}
		if err := c.tellKey(h, key, e); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "revoked %s, as the key %q says\n", e.Key, name)
	} else if err := c.retireWith(u, h, name, func(p *keys.Public) event.Event {
		e.Key = formatKey(p.Key)
		return e
	}); errors.Is(err, fs.ErrNotExist) {
		return fail("see `signet-wrap identity list`; one that was retired is named by --pubkey", err)
	} else if err != nil {
		return err
	}
	from := "after this event"
	if !e.Since.IsZero() {
		from = "from " + formatTime(e.Since) + " on"
	}
	fmt.Fprintf(c.Stdout, "  what it signed %s is exit 3 of verify --chain\n", from)
	fmt.Fprintf(c.Stdout, "next, where this account cannot write: signet-wrap identity trust add --principal P %s --valid-before T\n", e.Key)
	return nil
}
