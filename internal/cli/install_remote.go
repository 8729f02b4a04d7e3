package cli

import (
	"fmt"
	"os/exec"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// installRemote is install for servers that are reached by URL.
func (c *command) installRemote(u *ucli.Context, sys install.System, h home.Dir, w *requested, t *targets, choose func(*install.Config, string) (bool, error)) error {
	if _, err := exec.LookPath("npx"); err != nil {
		return fail("install Node.js, which has npx: it runs "+install.RemoteProgram, fmt.Errorf("--remote: %w", err))
	}
	left := make(map[*install.Entry]error)
	ch := change{
		command: c, home: h, dry: u.Bool("dry-run"), choose: choose, verb: "wrap", targets: t, remote: true,
		meant:  func(e *install.Entry) bool { return meant(u, e) },
		byHand: func(e *install.Entry) string { return e.ByHand(w.of(e)) },
		hint:   "docs/CLIENTS.md has the form to write by hand",
		did: func(e *install.Entry) string {
			did := "wrapped, and reached by: " + flagLine(redact.Command([]string{"npx", "-y", install.RemoteProgram, e.URL()}))
			if strings.Contains(e.URL(), "?") {
				did += " (what follows the ? is then in a command line, for all users of this machine to see)"
			}
			return did
		},
	}
	put := func(e *install.Entry) install.Wrapper {
		put := w.of(e)
		if target := record.TargetNamed(e.Name); target != "" {
			put.Flags = append(put.Flags, "--target", target)
		}
		return put
	}
	ch.edit = func(f *install.Config) ([]byte, []*install.Entry, error) {
		data, chosen, why, err := f.Remotes(func(e *install.Entry) (install.Wrapper, bool) {
			return put(e), meant(u, e) && !t.elsewhere[f]
		})
		for e, err := range why {
			left[e] = err
		}
		return data, chosen, err
	}
	ch.listed = func(f *install.Config, e *install.Entry) string {
		why := left[e]
		if why == nil {
			return ""
		}
		said := "left: " + clean(why.Error())
		if lines := f.RemoteByHand(e, put(e)); len(lines) > 0 {
			said += "; by hand:\n      " + cleanLines(strings.Join(lines, "\n      "))
		}
		return said
	}
	err := ch.run(sys)
	if err == nil && !ch.said {
		c.complain("found no server with a URL", "")
	}
	return err
}
