package cli

import (
	"path/filepath"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/front"
	"github.com/signet-wrap/signet-wrap/keys"
)

// home is the folder that holds keys/ and audit/: --home, else $SIGNET_HOME,
// else ~/.signet, as the reference has it.
type home string

func (h home) keys() keys.Store { return front.Store(string(h)) }
func (h home) audit() string    { return filepath.Join(string(h), "audit") }

func homeFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "home", Usage: "folder of keys and log", DefaultText: "$SIGNET_HOME or ~/.signet"}
}

func passphraseFileFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "passphrase-file", Usage: "file whose first line opens the key"}
}

// home finds the home folder. It makes nothing.
func (c *command) home(u *ucli.Context) (home, error) {
	dir, err := front.Home(flagUp(u, "home"), c.Getenv)
	if err != nil {
		return "", fail(front.HomeHint, err)
	}
	return home(dir), nil
}

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
