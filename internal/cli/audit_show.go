package cli

import ucli "github.com/urfave/cli/v2"

func (c *command) auditShowVerb() *ucli.Command { return &ucli.Command{Name: "show"} }
