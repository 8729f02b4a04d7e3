// Package install puts signet-wrap in front of the servers in the clients'
// configurations, and takes it away again, without touching another byte.
//
// A Client is a row in a table: its files, and where in them the servers are.
// Parse reads such a file for its Entries. Wrap and Unwrap splice bytes around
// the literals that are there:
//
//	"command": "npx", "args": ["-y", "server"]
//	"command": "/usr/local/bin/signet-wrap", "args": ["--", "npx", "-y", "server"]
//
// The wrapped form is its own undo record: the old command's literal is
// whole after "--". Where there was no args, the member that is made has no
// spaces in it, `,"args":["--","npx"]`, which tells it from an empty list, into
// which we write ", ".
//
// Nothing is believed of the splice. Before a byte is handed out the new
// document is parsed, must hold what the old one holds but for the commands
// meant, and unwrapping it must give the old document back, byte for byte.
package install
