package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

func homeFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "home", Usage: "directory of keys and log", DefaultText: "$SIGNET_HOME or ~/.signet"}
}

func passphraseFileFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "passphrase-file", Usage: "file whose first line opens the key"}
}

// home finds the home directory. It makes nothing. What locks the home of wrapping
// does not keep anybody from looking at another one, by --home.
func (c *command) home(u *ucli.Context) (dir home.Dir, err error) {
	flag := flagUp(u, "home")
	if flag == "" && c.Getenv("SIGNET_HOME") == "" {
		flag = homeOfStore(u.String("store"))
	}
	if flag != "" {
		dir, err = home.Find(flag, c.Getenv)
	} else {
		k := c.configuration("", c.Getenv)
		dir, err = k.dir, k.dirErr
		if k.systemErr != nil && !c.configSaid && c.verb != "doctor" { // which says so itself
			c.complain(k.systemErr.Error(), "")
		}
		if !c.configSaid {
			c.complainOverridden(k.dirFrom)
		}
		c.configSaid = true
	}
	if err != nil {
		return "", &failure{exitUsage, err, ""}
	}
	c.complainOfAnchor(dir)
	return dir, nil
}

// homeOfStore is the home that a store was made for, "" if it does not say. Root's
// "anchor now --store DIR" must not take root's own log for the one that DIR anchors.
func homeOfStore(dir string) string {
	if dir == "" {
		return ""
	}
	s, err := anchor.Open(dir)
	if err != nil {
		return "" // which is said where the store is opened
	}
	return s.Config.Home
}

// existingHome is home for verbs that only read: a directory that --home names,
// and that is not there, was mistyped.
func (c *command) existingHome(u *ucli.Context) (home.Dir, error) {
	h, err := c.home(u)
	if err != nil || flagUp(u, "home") == "" {
		return h, err
	}
	if _, err := os.Stat(string(h)); errors.Is(err, fs.ErrNotExist) {
		return "", misuse("look at --home: nothing was ever recorded there, and no key made", "there is no home directory %q", h)
	}
	return h, nil
}

// backups is where install keeps the configurations that it changed.
func backups(h home.Dir) string { return filepath.Join(string(h), "backup") }

// flagUp is a flag's value at the verb or, as all verbs accept the general
// flags before their name too, at any level above it.
func flagUp(u *ucli.Context, name string) string {
	for _, l := range u.Lineage() {
		if l.Command != nil && l.IsSet(name) {
			return l.String(name)
		}
	}
	return ""
}
