package cli

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/keys"
)

func (c *command) identityVerb() *ucli.Command { return &ucli.Command{Name: "identity"} }
func (c *command) signVerb() *ucli.Command     { return &ucli.Command{Name: "sign"} }
func (c *command) verifyVerb() *ucli.Command   { return &ucli.Command{Name: "verify"} }
func (c *command) auditVerb() *ucli.Command    { return &ucli.Command{Name: "audit"} }
func (c *command) versionVerb() *ucli.Command  { return &ucli.Command{Name: "version"} }

// storedPassphrase is the passphrase from --passphrase-file or
// $SIGNET_PASSPHRASE, without ever asking; keys.ErrPassphraseNeeded if neither
// is there. (Used by wrapping; secrets.go has the real one.)
func (c *command) storedPassphrase(u *ucli.Context) ([]byte, error) {
	return nil, keys.ErrPassphraseNeeded
}
