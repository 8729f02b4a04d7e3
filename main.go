// Command signet-wrap takes the place of a stdio server in the configuration of an MCP
// client. It starts the real server, signs every tools/call with the agent's Ed25519
// key, writes the receipt to the log before the server sees the call, and passes every
// other byte on.
package main

import (
	"os"

	"github.com/signet-wrap/signet-wrap/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, cli.OSSystem())) }
