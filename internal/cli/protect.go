package cli

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/keychain"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
)

const protectHelp = `signet-wrap identity protect: encrypt a key that opens without a terminal

USAGE
  signet-wrap identity protect --name N --with keychain
  signet-wrap identity protect --name N --with passphrase-file --file F
  signet-wrap identity protect --name N --with passphrase-command -- COMMAND...

EXAMPLE
  signet-wrap identity protect --name default --with keychain
  signet-wrap identity protect --name b --with passphrase-command -- pass b

FLAGS
  --name N             which key
  --with SOURCE        where its passphrase comes from, also while wrapping:
    keychain             a new random one, kept by the system's keychain
    passphrase-file      the first line of the file F
    passphrase-command   the first line that COMMAND prints, within 5 seconds,
                         in the directory --home and with nothing on its stdin
  --file F             that file
  --passphrase-file F  what opens the key until now, if it is encrypted (or
                       $SIGNET_PASSPHRASE; else you are asked)
  --home DIR           keys and log (default: $SIGNET_HOME or ~/.signet)

The source is written beside the key. From then on no other source is tried:
$SIGNET_PASSPHRASE is ignored, and --passphrase-file is used only if given. If
the keychain is locked, or Linux has no session bus, nothing is signed. Bytes
of the unencrypted file may remain in the disk's free space.

EXIT STATUS
  0 protected, 1 failed, 2 bad usage
`

const unprotectHelp = `signet-wrap identity unprotect: make a key a plain file again

USAGE
  signet-wrap identity unprotect --name N [--passphrase-file F] [--home DIR]

EXAMPLE
  signet-wrap identity unprotect --name bot

Decrypts the key, which is then readable by you alone, and deletes the note of
where its passphrase came from, and its entry in the keychain. If that source
no longer works, --passphrase-file opens the key.

EXIT STATUS
  0 plain, 1 failed, 2 bad usage
`

const passphraseHelp = `signet-wrap identity passphrase: what wrapping asks of the keychain

USAGE
  signet-wrap identity passphrase --name N [--home DIR] | COMMAND

EXAMPLE
  signet-wrap identity passphrase --name bot | wc -c

Writes the passphrase of a key protected by the keychain, to a pipe only.

EXIT STATUS
  0 written, 1 failed, 2 bad usage
`

func (c *command) protectVerbs() []*ucli.Command {
	name := &ucli.StringFlag{Name: "name"}
	return []*ucli.Command{{
		Name: "protect", CustomHelpTemplate: protectHelp,
		Flags:  []ucli.Flag{name, &ucli.StringFlag{Name: "with"}, &ucli.StringFlag{Name: "file"}, homeFlag(), passphraseFileFlag()},
		Action: c.protect,
	}, {
		Name: "unprotect", CustomHelpTemplate: unprotectHelp,
		Flags:  []ucli.Flag{name, homeFlag(), passphraseFileFlag()},
		Action: c.unprotect,
	}, {
		Name: "passphrase", CustomHelpTemplate: passphraseHelp, Hidden: true,
		Flags:  []ucli.Flag{name, homeFlag()},
		Action: c.keychainPassphrase,
	}}
}

func (c *command) protect(u *ucli.Context) error {
	src, err := c.newSource(u)
	if err != nil {
		return err
	}
	name, err := c.validName(u, "name")
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	store, unlock := h.Keys(), c.unlock(u, h, name)
	p, err := store.Public(name)
	if err == nil && !p.Private {
		_, err = store.Load(name, nil) // which says why
	}
	if errors.Is(err, keys.ErrNoKey) {
		return fail("see `signet-wrap identity list`", err)
	}
	if err != nil {
		return err
	}
	if p.Agent != "" {
		return fail("", fmt.Errorf("the key %q: %w", name, keys.ErrHeld))
	}
	former, err := store.Source(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case p.Encrypted && unlock.File == "":
		// What the former source holds may be all that opens the key.
		_, err := store.Load(name, func() ([]byte, error) { return unlock.From(former) })
		if err == nil {
			err = fmt.Errorf("the key %q is protected by %s already", name, former)
		}
		if !errors.Is(err, keys.ErrWrongPassphrase) { // or protect was cut short before
			return fail("`signet-wrap identity unprotect --name "+name+"` first, or give what opens it with --passphrase-file", err)
		}
	}

	var passphrase []byte
	if src.Kind == keys.Keychain {
		passphrase, src.Entry = newSecret(name)
		if err := keychain.Set(src.Entry, string(passphrase)); err != nil {
			return fail("--with passphrase-file or passphrase-command needs no keychain", err)
		}
	} else if passphrase, err = unlock.From(src); err != nil {
		return fail(relativeHint(src, h), err)
	}
	err = store.Protect(name, src, passphrase, func() ([]byte, error) { return c.explicitPassphrase(u, name) })
	if now, serr := store.Source(name); err != nil && src.Kind == keys.Keychain && (errors.Is(serr, fs.ErrNotExist) || serr == nil && now.Entry != src.Entry) {
		keychain.Delete(src.Entry) // best effort: it opens nothing
	}
	if err != nil {
		return err
	}
	if former != nil && former.Kind == keys.Keychain {
		keychain.Delete(former.Entry) // best effort: it opens nothing any more
	}
	fmt.Fprintf(c.Stdout, "the key %q is encrypted, and opened by %s alone\n", name, clean(src.String()))
	if st, err := os.Stat(src.File); err == nil && runtime.GOOS != "windows" && st.Mode()&0o077 != 0 {
		c.complain(fmt.Sprintf("others have access to %s (mode %04o)", clean(src.File), st.Mode().Perm()), "chmod 600 it")
	}
	return nil
}

// newSource is what --with asks for.
func (c *command) newSource(u *ucli.Context) (*keys.Source, error) {
	src := &keys.Source{Kind: u.String("with")}
	if src.Kind != keys.PassphraseCommand || u.Args().Present() {
		if err := c.noArgs(u); err != nil {
			return nil, err
		}
	}
	if (src.Kind == keys.PassphraseFile) != (u.String("file") != "") {
		return nil, misuse(fmt.Sprintf("see %q", helpCommand(u)), "--with passphrase-file and --file F belong together")
	}
	switch src.Kind {
	case keys.Keychain:
	case keys.PassphraseFile:
		path, err := home.Expand(u.String("file"))
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, err
		}
		if st, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", err)
		} else if !st.Mode().IsRegular() { // which would wait for ever, or be empty the second time
			return nil, fmt.Errorf("reading the passphrase: %s is not a regular file", clean(path))
		}
		src.File = path
	case keys.PassphraseCommand:
		if len(c.after) == 0 {
			return nil, misuse(`for example -- pass show bot`, `no command after "--"`)
		}
		// Clients give another PATH and another directory.
		path, err := exec.LookPath(c.after[0])
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, fmt.Errorf("looking for the passphrase command: %w", err)
		}
		src.Command = append([]string{path}, c.after[1:]...)
	default:
		return nil, misuse("keychain, passphrase-file or passphrase-command", "--with %q is not a source of passphrases", src.Kind)
	}
	return src, nil
}

// relativeHint is what to do where a passphrase command failed, perhaps because an
// argument is the path of a file from here. Clients start us elsewhere, so the
// command always runs in the home directory.
func relativeHint(src *keys.Source, h home.Dir) string {
	for i, a := range src.Command {
		path, err := filepath.Abs(a)
		if _, serr := os.Stat(path); i > 0 && !filepath.IsAbs(a) && err == nil && serr == nil {
			return fmt.Sprintf("the command runs in %s, whoever starts it: write %s for %s", h, text.Quote(path), text.Quote(a))
		}
	}
	return ""
}

// newSecret is a passphrase of 256 bits and an entry that no other key, home or
// attempt has.
func newSecret(name string) (passphrase []byte, entry string) {
	b := make([]byte, 32+8)
	rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.AppendEncode(nil, b[:32]), name + "-" + hex.EncodeToString(b[32:])
}

func (c *command) unprotect(u *ucli.Context) error {
	h, name, err := c.keyIn(u)
	if err != nil {
		return err
	}
	store := h.Keys()
	src, serr := store.Source(name)
	if serr != nil && !errors.Is(serr, fs.ErrNotExist) {
		return fail("repair it, or delete it and give --passphrase-file", serr)
	}
	if p, err := store.Public(name); err != nil {
		return fail("see `signet-wrap identity list`", err)
	} else if p.Agent != "" {
		return fail("", fmt.Errorf("the key %q: %w", name, keys.ErrHeld))
	} else if p.Private && !p.Encrypted && src == nil {
		return fail("", fmt.Errorf("the key %q is not encrypted", name))
	}
	if err := store.Unprotect(name, func() ([]byte, error) { return c.oldPassphrase(u, h, name) }); err != nil {
		if do := store.Advice(name, err); do != "" {
			err = fail(do, err)
		}
		return err
	}
	fmt.Fprintf(c.Stdout, "the key %q is NOT encrypted any more: it is readable by you alone, and by what runs as you\n", name)
	if src != nil && src.Kind == keys.Keychain {
		if err := keychain.Delete(src.Entry); err != nil && !errors.Is(err, keychain.ErrNotFound) {
			c.complain(fmt.Sprintf("the keychain still has the entry %q, which is of no use now: %v", src.Entry, err), "")
		}
	}
	return nil
}

// keychainPassphrase is a verb for this program itself: see home.Unlock.
func (c *command) keychainPassphrase(u *ucli.Context) error {
	h, name, err := c.keyIn(u)
	if err != nil {
		return err
	}
	f, ok := fileOf(c.Stdout), false
	if f != nil {
		st, err := f.Stat()
		ok = err == nil && st.Mode()&fs.ModeNamedPipe != 0
	}
	if !ok {
		return errors.New("a passphrase is written to a pipe only")
	}
	src, err := h.Keys().Source(name)
	if err != nil {
		return err
	}
	if src.Kind != keys.Keychain {
		return fmt.Errorf("the key %q is not protected by the keychain", name)
	}
	secret, err := keychain.Get(src.Entry)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Stdout, secret)
	return err
}

// unlock is what opens the key name without asking anybody.
func (c *command) unlock(u *ucli.Context, h home.Dir, name string) home.Unlock {
	return home.Unlock{Home: h, Key: name, File: flagUp(u, "passphrase-file"), Getenv: c.Getenv}
}
