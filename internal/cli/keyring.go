package cli

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
)

// keyring holds the public keys by which a verifier knows who signed: those of
// --pubkey or, without any, all in the home directory; and those of the trust file.
type keyring struct {
	verify.Keys
	from string // for a person: "from --pubkey" or "in FOLDER"
}

func pubkeyFlag() ucli.Flag {
	return &ucli.StringSliceFlag{Name: "pubkey", Usage: "a key to know: NAME, FILE or ed25519:B64"}
}

// keyring reads the keys that the command line asks for. Its errors have the
// status of verify for "could not check". A key file in the home directory that
// is in disorder is complained of and left out.
func (c *command) keyring(u *ucli.Context) (keyring, error) {
	h, err := c.existingHome(u)
	return c.keyringOf(u, h, err)
}

// keyringOf is keyring for a home that was looked for; err says if it was found.
func (c *command) keyringOf(u *ucli.Context, h home.Dir, err error) (keyring, error) {
	k := keyring{from: "from --pubkey"}
	named := u.StringSlice("pubkey")
	if len(named) == 0 {
		if err != nil {
			return k, err
		}
		if h == "" {
			k.from = ""
			return k, nil
		}
		k.from = "in " + h.Keys().Dir
		list, err := h.Keys().Known()
		c.complainEach(err)
		for _, p := range list {
			k.Add(p.Key, p.Name)
		}
		return k, nil
	}
	for _, n := range named {
		p, inHome, err := c.pubkey(h, n)
		if err != nil {
			return k, &failure{exitUsage, fmt.Errorf("--pubkey %q: %w", n, err), "a NAME in the home directory, a .pub FILE, or ed25519:B64 as in receipts"}
		}
		if inHome {
			k.Add(p.Key, p.Name)
		} else {
			k.AddTrusted(p.Key, p.Name)
		}
	}
	return k, nil
}

// pubkey finds the key that a --pubkey means, and says whether the home names it.
func (c *command) pubkey(h home.Dir, s string) (p *keys.Public, inHome bool, err error) {
	if b64, ok := strings.CutPrefix(s, "ed25519:"); ok {
		key, err := parseKey(b64)
		return &keys.Public{Name: s, Key: key}, false, err
	}
	if h != "" && keys.ValidName(s) {
		if p, err := h.Keys().Public(s); !errors.Is(err, keys.ErrNoKey) {
			return p, true, err
		}
	}
	b, err := c.readFile(s, 64<<10)
	if err != nil {
		return nil, false, err
	}
	p, err = keys.ParsePublic(b)
	return p, false, err
}

// parseKey reads a public key as receipts have it after "ed25519:".
func parseKey(b64 string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("not the 32 bytes of a public key in base64")
	}
	return key, nil
}

// complainEach prints each of the errors that errors.Join put together.
func (c *command) complainEach(err error) {
	if err == nil {
		return
	}
	each := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		each = joined.Unwrap()
	}
	for _, e := range each {
		hint := ""
		if bad := (*keys.FileError)(nil); errors.As(e, &bad) {
			hint = bad.Do
		}
		c.complain(e.Error(), hint)
	}
}

// formatKey is a public key as receipts have it.
func formatKey(key ed25519.PublicKey) string { return verify.FormatKey(key) }
