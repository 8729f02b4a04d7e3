package cli

import ucli "github.com/urfave/cli/v2"

func (c *command) identityVerb() *ucli.Command { return &ucli.Command{Name: "identity"} }
func (c *command) signVerb() *ucli.Command     { return &ucli.Command{Name: "sign"} }
func (c *command) verifyVerb() *ucli.Command   { return &ucli.Command{Name: "verify"} }
func (c *command) auditVerb() *ucli.Command    { return &ucli.Command{Name: "audit"} }
func (c *command) versionVerb() *ucli.Command  { return &ucli.Command{Name: "version"} }
