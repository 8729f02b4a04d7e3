package cli

import ucli "github.com/urfave/cli/v2"

func (c *command) auditVerb() *ucli.Command { return &ucli.Command{Name: "audit"} }
