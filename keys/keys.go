// Package keys keeps Ed25519 identities on the disk, in the key files of Signet:
// <name>.key holds the seed, plain or encrypted with a passphrase, or says that an
// SSH agent holds it; <name>.pub is the public half. FORMAT.md beside this file has
// the formats.
//
// A [Store] is a directory of key files. [Store.Generate] makes an identity,
// [Store.Load] opens one for signing, and [Store.Public] and [Store.List] read the
// public halves, which takes no passphrase:
//
//	store := keys.Store{Dir: "/home/me/.signet/keys"} // <home>/keys
//	key, err := store.Load("default", askForPassphrase)
//	signer, err := sign.NewSigner(key, key.Name, key.Owner)
//
// [Store.Protect] has a key opened by a passphrase that a keychain, a file or a
// command gives: a [Source]. The package stores which one; to ask it is left to the
// caller. What a person can do about an error, [Store.Advice] says.
//
// A key file is made whole or not at all and never overwritten. Everything read
// is bounded and refused unless it is exactly what FORMAT.md says, so that a
// hostile file costs no more than a second and some memory.
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

// Errors that a caller acts on. The errors of this package wrap them.
var (
	// ErrNoKey: the store has no such key. It wraps fs.ErrNotExist.
	ErrNoKey error = noKey{}
	// ErrPassphraseNeeded: the key is encrypted and there was no way to ask.
	ErrPassphraseNeeded = errors.New("the key is encrypted and needs a passphrase")
	// ErrHeld: an SSH agent holds the key, and nothing secret is in its file.
	ErrHeld = errors.New("an SSH agent holds the key, so that there is no file to encrypt or decrypt")
	// ErrWrongPassphrase: decryption failed. The cipher cannot tell a wrong
	// passphrase from a file that was altered.
	ErrWrongPassphrase = errors.New("wrong passphrase, or the key file was altered")
)

// ErrPublicOnly: of the key there is the public half alone, which is as it
// should be if it is somebody else's. A *FileError wraps it.
var ErrPublicOnly = errors.New("of this key there is only the public half")

type noKey struct{}

func (noKey) Error() string { return "no such key" }
func (noKey) Unwrap() error { return fs.ErrNotExist }

// FileError is a file that is not a good key file, or that is missing where the
// other half of its key is there.
type FileError struct {
	Path   string
	Reason string // never quotes the file: it may hold a seed
	Do     string // what puts it right; may be empty
}

func (e *FileError) Error() string { return e.Path + ": " + e.Reason }

// Is says whether target is ErrPublicOnly and e is of that kind.
func (e *FileError) Is(target error) bool { return target == ErrPublicOnly && e.Reason == publicOnly }

const publicOnly = "it is missing: of this key there is only the public half"

// maxName bounds a name, in bytes, so that a file name can be made of it anywhere.
const maxName = 64

// ValidName says whether name may name a key: 1 to 64 of A-Z a-z 0-9 _ and -.
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
	Created time.Time // zero if there was no .pub to say it

	// What a Store found beside the .pub file; false out of ParsePublic.
	Private   bool   // there is a .key
	Encrypted bool   // which needs a passphrase
	Agent     string // SSHAgent: an SSH agent holds the private half; "": the .key has it
}

// Key is an identity that can sign. It is a crypto.Signer for Ed25519.
//
// The seed does not show in any formatting of a Key, nor of a struct that holds
// one, nor in its JSON.
type Key struct {
	Name  string
	Owner string // from the .pub, may be empty
	// What a person should know and signing does not depend on: one lower-case
	// line each, for example that others can read the key file.
	Warnings []string

	// A function, since fmt looks into none, whatever the verb: that hides the
	// seed even where it cannot call Format (an unexported field of type Key).
	private func() ed25519.PrivateKey
	held    *held // instead, if an agent holds it
}

// Public returns the ed25519.PublicKey.
func (k *Key) Public() crypto.PublicKey {
	if k.held != nil {
		return k.held.key
	}
	return k.private().Public()
}

// Held says that an SSH agent holds the private half. Messages have 60 KiB at most
// then (package sshagent).
func (k *Key) Held() bool { return k.held != nil }

// Sign signs message as crypto/ed25519 does: message is not hashed, and opts is
// crypto.Hash(0), or nil for that. If an agent holds the key it is asked, and may
// take sshagent.Patience; errors are then those of package sshagent, too.
func (k *Key) Sign(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil {
		opts = crypto.Hash(0)
	}
	if k.held != nil {
		return k.held.sign(message, opts)
	}
	return k.private().Sign(rand, message, opts)
}

// Format implements fmt.Formatter: whatever the verb, the name and no seed.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "keys.Key(%s)", k.Name) }
