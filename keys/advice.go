package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// Advice says what the user can do about an error of Load or Public for the key
// name; "" if nothing is known to help. The commands in it, between backquotes,
// assume that the store's Dir is <home>/keys, as in signet-wrap.
func (s Store) Advice(name string, err error) string {
	bad := (*FileError)(nil)
	path := (*fs.PathError)(nil)
	switch {
	case errors.As(err, &bad):
		return bad.Do
	case errors.Is(err, ErrNoKey):
		return "make it with " + s.generate(name, "--unencrypted")
	case errors.Is(err, ErrPassphraseNeeded):
		return "give --passphrase-file, set SIGNET_PASSPHRASE in the client's configuration, or see `signet-wrap identity protect --help`"
	case errors.Is(err, ErrWrongPassphrase):
		return "give the right passphrase; if it is lost, " + s.another(name)
	case errors.As(err, &path) && path.Op == "mkdir":
		return "allow this directory to be created, or give another one with --home"
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &path): // of a passphrase
		return "put this file back, or give another with --passphrase-file"
	}
	return durable.Permit(err)
}

// generate is the command that makes the key name, or its missing half.
func (s Store) generate(name string, flags ...string) string {
	c := "`signet-wrap identity generate --name " + name
	for _, f := range flags {
		c += " " + f
	}
	return c + s.homeFlag() + "`"
}

// homeFlag is " --home DIR" if that is needed to find the store.
func (s Store) homeFlag() string {
	home := filepath.Dir(s.Dir)
	if user, err := os.UserHomeDir(); err == nil && home == filepath.Join(user, ".signet") {
		return ""
	}
	return " --home " + text.Quote(home)
}

// recover is the advice for a private half that is missing or invalid.
func (s Store) recover(name string) string {
	return "restore it from a backup; or " + s.another(name)
}

// another is the advice to sign with a new key. It gets a new name, because the
// public half of the old one verifies what the old key has signed.
func (s Store) another(name string) string {
	free := name
	for i := 2; exists(s.keyPath(free)) || exists(s.pubPath(free)) || exists(s.sourcePath(free)); i++ {
		suffix := fmt.Sprintf("-%d", i)
		free = name[:min(len(name), maxName-len(suffix))] + suffix
	}
	return "make another key with " + s.generate(free, "--unencrypted") +
		" and have it sign: `signet-wrap install --all --key " + free + s.homeFlag() + "`"
}

// replacePublic is the advice for an invalid public half.
func (s Store) replacePublic(name string) string {
	if !exists(s.keyPath(name)) {
		return "move it away"
	}
	return "move it away, then create it again with " + s.generate(name)
}
