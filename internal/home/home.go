// Package home finds what a user's keys and log need: their directory, and the
// passphrase of an encrypted key. It asks nobody.
package home

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/keys"
)

// DefaultKey is the identity that signs by default. The first call makes it if
// there is none.
const DefaultKey = "default"

// Dir is a home: the directory with the keys and the log.
type Dir string

// Keys is the store of the keys.
func (d Dir) Keys() keys.Store { return keys.Store{Dir: filepath.Join(string(d), "keys")} }

// Knows says whether the home has the key.
func (d Dir) Knows(key ed25519.PublicKey) bool {
	list, _ := d.Keys().Known() // without the unreadable keys
	return slices.ContainsFunc(list, func(p keys.Public) bool { return p.Key.Equal(key) })
}

// Config is the file with the settings of the home.
func (d Dir) Config() string { return filepath.Join(string(d), "config.toml") }

// Audit is the directory of the log.
func (d Dir) Audit() string { return filepath.Join(string(d), "audit") }

// Tools is the directory of the definitions of tools, as servers listed them.
func (d Dir) Tools() string { return filepath.Join(string(d), "tools") }

// Replays is the directory of the receipts that a check has seen.
func (d Dir) Replays() string { return filepath.Join(string(d), "replays") }

// Anchor is the directory of the store of anchors, unless it is kept elsewhere.
func (d Dir) Anchor() string { return filepath.Join(string(d), "anchor") }

// Find returns the home: flag, else $SIGNET_HOME, else .signet in the user's own
// directory, as in the reference. It creates nothing.
func Find(flag string, getenv func(string) string) (Dir, error) {
	for _, way := range [][2]string{{"--home", flag}, {"SIGNET_HOME", getenv("SIGNET_HOME")}} {
		if way[1] == "" {
			continue
		}
		path, err := Expand(way[1])
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", way[0], err)
		}
		return Dir(path), nil
	}
	path, err := UserDir()
	if err != nil {
		return "", fmt.Errorf("%w: name a directory with --home DIR or $SIGNET_HOME", err)
	}
	return Dir(filepath.Join(path, ".signet")), nil
}

// currentUser asks the user database. Tests replace it.
var currentUser = user.Current

// UserDir is the user's own directory: $HOME or, on Windows, %USERPROFILE%, else
// that of the user database. Containers and system services often have no $HOME.
func UserDir() (string, error) {
	if dir, err := os.UserHomeDir(); err == nil && filepath.IsAbs(dir) {
		return dir, nil
	}
	if u, err := currentUser(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir, nil
	}
	return "", errors.New("there is no home directory: neither the environment nor the user database has one for this user")
}

// Expand expands a path. Clients start servers without a shell, so "~/x" arrives
// unchanged: Expand replaces ~ by the user's own directory. What needs more of a
// shell is an error: another user's home directory, and a variable that was not
// replaced. Without this check, keys would be made in a directory "${HOME}" of the
// current project.
func Expand(path string) (string, error) {
	if v := variable(path); v != "" {
		return "", fmt.Errorf("%q contains the variable %s, which was not replaced: write out the path", path, v)
	}
	rest, tilde := strings.CutPrefix(path, "~")
	if !tilde {
		return path, nil
	}
	if rest != "" && !os.IsPathSeparator(rest[0]) {
		return "", fmt.Errorf("%q: only ~%c is expanded, not another user's home: write out the path", path, filepath.Separator)
	}
	dir, err := UserDir()
	if err != nil {
		return "", fmt.Errorf("%q: %w", path, err)
	}
	return filepath.Join(dir, rest), nil
}

// variable is the first variable in path, in the spelling of shells, cmd.exe or
// clients: ${HOME}, $HOME, $env:HOME, $(pwd), %USERPROFILE%; "" if there is none.
func variable(path string) string {
	for i := range len(path) {
		rest := path[i+1:]
		n := nameLength(rest)
		switch {
		case path[i] == '$' && n > 0:
			return path[i : i+1+n]
		case path[i] == '$' && (strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "(")):
			end := strings.IndexAny(rest, "})")
			if end < 0 {
				end = len(rest) - 1
			}
			return path[i : i+2+end]
		case path[i] == '%' && n > 0 && strings.HasPrefix(rest[n:], "%"):
			return path[i : i+2+n]
		}
	}
	return ""
}

// nameLength is how many bytes at the start of s can be the name of a variable.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i] | 0x20 // lower case
		if (c < 'a' || c > 'z') && s[i] != '_' && (i == 0 || s[i] < '0' || s[i] > '9') {
			return i
		}
	}
	return len(s)
}
