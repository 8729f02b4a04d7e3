// Command signet-wrap stands in an MCP client's configuration where a stdio
// server stood: it starts the real server, signs every tools/call with the
// agent's Ed25519 key, logs the receipt before the server sees the call, and
// passes every other byte through.
package main

import (
	"os"

	"github.com/signet-wrap/signet-wrap/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, cli.OSSystem())) }
