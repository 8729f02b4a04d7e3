package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	ucli "github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/keys"
)

// Where a passphrase comes from: --passphrase-file, else the key's own source
// and nowhere else, else $SIGNET_PASSPHRASE, else, but never while wrapping, the
// person at the terminal.

// passphraseHint is the way out where nobody can be asked.
const passphraseHint = "give --passphrase-file FILE, or set SIGNET_PASSPHRASE"

// storedPassphrase is the passphrase that can be had without asking, whatever
// a key's source. The error is keys.ErrPassphraseNeeded if there is none.
func (c *command) storedPassphrase(u *ucli.Context) ([]byte, error) {
	return home.Passphrase(flagUp(u, "passphrase-file"), c.Getenv)
}

// oldPassphrase is the one that opens the key name.
func (c *command) oldPassphrase(u *ucli.Context, h home.Dir, name string) ([]byte, error) {
	p, err := c.unlock(u, h, name).Passphrase()
	if errors.Is(err, keys.ErrPassphraseNeeded) {
		return c.ask(fmt.Sprintf("passphrase of the key %q: ", name))
	}
	return p, err
}

// explicitPassphrase is oldPassphrase whatever the key's source.
func (c *command) explicitPassphrase(u *ucli.Context, name string) ([]byte, error) {
	p, err := c.storedPassphrase(u)
	if errors.Is(err, keys.ErrPassphraseNeeded) {
		return c.ask(fmt.Sprintf("passphrase of the key %q: ", name))
	}
	return p, err
}

// newPassphrase is one for a new key, asked for twice.
func (c *command) newPassphrase(u *ucli.Context, name string) ([]byte, error) {
	p, err := c.storedPassphrase(u)
	if !errors.Is(err, keys.ErrPassphraseNeeded) {
		return p, err
	}
	p, err = c.ask(fmt.Sprintf("new passphrase for the key %q: ", name))
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		return nil, fail("--unencrypted makes a key without one", errors.New("the passphrase is empty"))
	}
	again, err := c.ask("the same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p, again) {
		return nil, errors.New("the two passphrases differ; nothing was made")
	}
	return p, nil
}

// ask reads a line that is not shown from the terminal.
func (c *command) ask(prompt string) ([]byte, error) {
	fd := int(c.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fail(passphraseHint, errors.New("a passphrase is needed, and there is no terminal to ask for it"))
	}
	// An interrupt must not leave the terminal without its echo.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)

	fmt.Fprint(c.Stderr, prompt)
	defer fmt.Fprintln(c.Stderr)
	type typed struct {
		line []byte
		err  error
	}
	got := make(chan typed, 1)
	go func() { // still waiting after an interrupt, with which the program ends
		line, err := term.ReadPassword(fd)
		got <- typed{line, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", a.err)
		}
		return a.line, nil
	case <-stop:
		term.Restore(fd, before)
		return nil, errors.New("interrupted")
	case <-c.ctx.Done():
		term.Restore(fd, before)
		return nil, c.ctx.Err()
	}
}
