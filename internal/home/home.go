// Package home finds what a user's keys and log need: the directory that holds
// them, and the passphrase of an encrypted key. It asks nobody.
package home

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/keys"
)

// DefaultKey is the identity that signs if none is named, and that the first
// call makes if there is none.
const DefaultKey = "default"

// Dir is a home: the directory that holds keys and log.
type Dir string

// Keys is where the keys are.
func (d Dir) Keys() keys.Store { return keys.Store{Dir: filepath.Join(string(d), "keys")} }

// Audit is the directory of the log.
func (d Dir) Audit() string { return filepath.Join(string(d), "audit") }

// Hint is the way out where Find fails.
const Hint = "name a directory with --home DIR or $SIGNET_HOME"

// Find is the home that is meant: flag, else $SIGNET_HOME, else ~/.signet, as the
// reference has it. It makes nothing.
func Find(flag string, getenv func(string) string) (Dir, error) {
	for _, dir := range []string{flag, getenv("SIGNET_HOME")} {
		if dir != "" {
			dir, err := filepath.Abs(dir)
			return Dir(dir), err
		}
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no home directory: $HOME is not set")
	}
	return Dir(filepath.Join(dir, ".signet")), nil
}
