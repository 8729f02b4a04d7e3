// Package keychain keeps passphrases in the system's own store: Keychain on
// macOS, Credential Manager on Windows, the Secret Service of the session bus
// on Linux. It never starts a bus and never waits longer than Limit.
package keychain

import (
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

// Limit bounds each call. A keychain that is locked asks its user, who is not
// there when a wrapper wants to know.
const Limit = 2 * time.Second

// service is what this program's entries are filed under.
const service = "signet-wrap"

// ErrNotFound: the keychain is there and has no such entry.
var ErrNotFound = errors.New("the keychain has no such entry")

// Set stores secret as entry. It has been read back when Set returns nil.
func Set(entry, secret string) error {
	_, err := within(func() (string, error) {
		if err := keyring.Set(service, entry, secret); err != nil {
			return "", err
		}
		got, err := keyring.Get(service, entry)
		if err == nil && got != secret {
			err = errors.New("it gives back something else than it was given")
		}
		return "", err
	})
	return err
}

// Get gives the secret stored as entry. Its error wraps ErrNotFound if there is
// none.
func Get(entry string) (string, error) {
	return within(func() (string, error) { return keyring.Get(service, entry) })
}

// Delete removes entry. Its error wraps ErrNotFound if there is none.
func Delete(entry string) error {
	_, err := within(func() (string, error) { return "", keyring.Delete(service, entry) })
	return err
}

// within runs ask after the bus was found to answer. After the limit ask goes on
// until the program ends: this package is for short commands.
func within(ask func() (string, error)) (string, error) {
	type answer struct {
		secret string
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		secret, err := "", probe()
		if err == nil {
			secret, err = ask()
		}
		got <- answer{secret, err}
	}()
	select {
	case a := <-got:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", ErrNotFound
		}
		if a.err != nil {
			return "", fmt.Errorf("asking the keychain: %w", a.err)
		}
		return a.secret, nil
	case <-time.After(Limit):
		return "", fmt.Errorf("the keychain did not respond within %v: it may be locked, or waiting for somebody to unlock it", Limit)
	}
}
