package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"
)

// Every help text fits a screen of 88 by 42, has an example, says the exit
// statuses, and names every flag of its verb.
func TestHelp(t *testing.T) {
	c := &command{}
	check := func(name, help string, flags []ucli.Flag) {
		lines := strings.Split(strings.TrimSuffix(help, "\n"), "\n")
		if len(lines) > 42 {
			t.Errorf("%s: %d lines", name, len(lines))
		}
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > 88 {
				t.Errorf("%s: %d columns: %s", name, n, l)
			}
		}
		for _, part := range []string{"\nUSAGE\n", "\nEXAMPLE", "\nEXIT STATUS\n"} {
			if part == "\nEXAMPLE" && name == "demo" {
				continue // which has nothing to vary
			}
			if !strings.Contains(help, part) {
				t.Errorf("%s: no %s", name, strings.TrimSpace(part))
			}
		}
		for _, f := range flags {
			if v, ok := f.(ucli.VisibleFlag); ok && v.IsVisible() && !strings.Contains(help, "--"+f.Names()[0]) {
				t.Errorf("%s: --%s is not told of", name, f.Names()[0])
			}
		}
	}
	app := c.app()
	check(app.Name, app.CustomAppHelpTemplate, app.Flags)
	var walk func(prefix string, verbs []*ucli.Command)
	walk = func(prefix string, verbs []*ucli.Command) {
		for _, v := range verbs {
			check(prefix+v.Name, v.CustomHelpTemplate, v.Flags)
			walk(prefix+v.Name+" ", v.Subcommands)
		}
	}
	walk("", app.Commands)
}
