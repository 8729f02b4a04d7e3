package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	ucli "github.com/urfave/cli/v2"
)

const versionHelp = `signet-wrap version: print the version

USAGE
  signet-wrap version | --version

EXAMPLE
  signet-wrap version

Prints the version, the commit it was built from ("modified" if the tree had
changes), the Go version and the platform.

EXIT STATUS
  0 printed, 2 bad usage
`

func (c *command) versionVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "version",
		Usage:              "what this is",
		CustomHelpTemplate: versionHelp,
		Action: func(u *ucli.Context) error {
			if err := c.noArgs(u); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Stdout, version())
			return err
		},
	}
}

// version is all in one line, for bug reports. The Go command put it into the
// binary.
func version() string {
	v, commit, modified := "(unknown)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = ", commit " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ", modified"
			}
		}
	}
	return fmt.Sprintf("signet-wrap %s%s%s, %s %s/%s", v, commit, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
