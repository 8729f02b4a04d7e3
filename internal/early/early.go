// Package early wraps a server without waiting for what wrapping does not
// need.
//
// The demo links mcp-go, and mcp-go a JSON schema compiler that takes some
// 3 ms and 1.7 MB to initialise before main begins: most of what a wrapper may
// add to a server's start, and thirty of them may run on a laptop. But Go
// initialises a package as soon as its own imports are (the Go specification,
// "Program initialization"), and front needs nothing of mcp-go's. So a command
// line that wraps is run from an init function, before mcp-go's turn. Nothing
// depends on that order for being right: whatever is wrong with a command line
// is left to package cli. A test watches that it holds (integration, TestEarly).
package early

import (
	"os"
	"slices"

	"github.com/signet-wrap/signet-wrap/internal/front"
)

func init() {
	dashes := slices.Index(os.Args, "--")
	if dashes < 1 {
		return
	}
	if flags, err := front.ParseFlags(os.Args[1:dashes]); err == nil {
		os.Exit(front.Main(flags, os.Args[dashes+1:]))
	}
}
