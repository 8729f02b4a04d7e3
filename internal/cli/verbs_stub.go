package cli

import ucli "github.com/urfave/cli/v2"

const rootHelp = "help\n"

func wrapFlags() []ucli.Flag                      { return nil }
func (c *command) wrapOrHelp(*ucli.Context) error { return nil }
func (c *command) identityVerb() *ucli.Command    { return &ucli.Command{Name: "identity"} }
func (c *command) signVerb() *ucli.Command        { return &ucli.Command{Name: "sign"} }
func (c *command) verifyVerb() *ucli.Command      { return &ucli.Command{Name: "verify"} }
func (c *command) auditVerb() *ucli.Command       { return &ucli.Command{Name: "audit"} }
func (c *command) demoVerb() *ucli.Command        { return &ucli.Command{Name: "demo"} }
func (c *command) versionVerb() *ucli.Command     { return &ucli.Command{Name: "version"} }
