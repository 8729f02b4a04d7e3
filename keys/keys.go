// Package keys stores Ed25519 identities in the key files of Signet. <name>.key has
// the private half: the seed, plain or encrypted with a passphrase, or a note that
// an SSH agent holds it. <name>.pub has the public half. FORMAT.md in this
// directory describes the files.
//
// A [Store] is a directory of key files. [Store.Generate] makes an identity,
// [Store.Load] opens one for signing, and [Store.Public] and [Store.List] read
// public halves, which needs no passphrase:
//
//	store := keys.Store{Dir: "/home/me/.signet/keys"} // <home>/keys
//	key, err := store.Load("default", askForPassphrase)
//	signer, err := sign.NewSigner(key, key.Name, key.Owner)
//
// [Store.AddHeld] makes an identity of a key that an SSH agent holds.
// [Store.Protect] encrypts a key with a passphrase that a keychain, a file or a
// command gives: a [Source]. The package only stores the source; the caller asks
// it. [Store.Advice] says what the user can do about an error.
//
// A key file is created as a whole or not at all, and never overwritten. Reading is
// bounded, and a file that does not match FORMAT.md is refused, so a hostile file
// costs at most a second and some memory.
package keys

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// The errors that callers can act on. The errors of this package wrap them.
var (
	// ErrNoKey: the store does not have the key. It wraps [fs.ErrNotExist].
	ErrNoKey error = noKey{}
	// ErrPassphraseNeeded: the key is encrypted, and there is no passphrase.
	ErrPassphraseNeeded = errors.New("the key is encrypted and needs a passphrase")
	// ErrHeld: an SSH agent holds the key, and nothing secret is in its file.
	ErrHeld = errors.New("an SSH agent holds the key, so that there is no file to encrypt or decrypt")
	// ErrWrongPassphrase: decryption failed. The cipher does not show whether the
	// passphrase is wrong or the file was altered.
	ErrWrongPassphrase = errors.New("wrong passphrase, or the key file was altered")
)

// ErrPublicOnly: the store has only the public half of the key, which is right for
// another person's key. A [*FileError] wraps it.
var ErrPublicOnly = errors.New("only the public half of this key exists")

type noKey struct{}

func (noKey) Error() string { return "no such key" }
func (noKey) Unwrap() error { return fs.ErrNotExist }

// A FileError says that a file is not a valid key file, or is missing although the
// other half of its key exists.
type FileError struct {
	Path   string
	Reason string // one phrase; it never quotes the file, which may have a seed
	Do     string // what the user can do; may be ""
}

func (e *FileError) Error() string { return e.Path + ": " + e.Reason }

// Is says whether target is ErrPublicOnly and e is such an error.
func (e *FileError) Is(target error) bool { return target == ErrPublicOnly && e.Reason == publicOnly }

const publicOnly = "it is missing: only the public half of this key exists"

// maxName is the maximum length of a name, in bytes, so that it can be part of a
// file name everywhere.
const maxName = 64

// ValidName says whether name can be the name of a key: 1 to 64 of A-Z a-z 0-9 _
// and -.
func ValidName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return 0 < len(name) && len(name) <= maxName
}

// Public is the public half of an identity.
type Public struct {
	Name    string
	Owner   string // may be empty
	Key     ed25519.PublicKey
	Created time.Time // zero if there is no .pub

	// What a Store found beside the .pub file. Not set by ParsePublic.
	Private   bool   // there is a .key file
	Encrypted bool   // the .key file needs a passphrase
	Agent     string // SSHAgent: an SSH agent holds the private half; "": it is in the .key file
	Retired   bool   // it signs no more: see Store.Retired
}

// A Key is an identity that can sign. It is a [crypto.Signer] for Ed25519.
//
// No formatting of a Key, or of a struct with one, shows the seed, and neither does
// its JSON.
type Key struct {
	Name  string
	Owner string // from the .pub file; may be ""
	// Messages for the user that do not prevent signing: one lower-case line each,
	// for example that others can read the key file.
	Warnings []string

	// A function, because fmt does not look into functions with any verb. That
	// hides the seed even where fmt cannot call Format, in an unexported field.
	private func() ed25519.PrivateKey
	held    *held // set instead of private if an agent holds the key
}

// Public returns the public half, an [ed25519.PublicKey].
func (k *Key) Public() crypto.PublicKey {
	if k.held != nil {
		return k.held.key
	}
	return k.private().Public()
}

// Held says whether an SSH agent holds the private half. Then messages have 60 KiB
// at most.
func (k *Key) Held() bool { return k.held != nil }

// Sign signs message as crypto/ed25519 does: message is not hashed, and opts is
// crypto.Hash(0) or nil. If an SSH agent holds the key, the agent signs. It may
// take 20 seconds; the error then says why it did not sign, and what the user can
// do.
func (k *Key) Sign(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil {
		opts = crypto.Hash(0)
	}
	if k.held != nil {
		return k.held.sign(message, opts)
	}
	return k.private().Sign(rand, message, opts)
}

// Format implements [fmt.Formatter]: for all verbs it writes the name and not the
// seed.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "keys.Key(%s)", k.Name) }
