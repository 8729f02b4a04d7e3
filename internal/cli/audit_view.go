package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/page"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

const auditViewHelp = `signet-wrap audit view: the log as a page in the browser

USAGE
  signet-wrap audit view [--no-browser] [--idle D]

EXAMPLE
  signet-wrap audit view

FLAGS
  --no-browser   only print the link
  --idle D       end when nobody has looked for so long (default: 5m)
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

Serves the page on a port of 127.0.0.1 and opens it. It has what "verify
--chain" says, and verifies again when the log changes; calls as they begin
and end, with filters as "audit" has them; sessions; tools and what servers
changed in them. It reads and changes nothing.

The link opens the page once: nobody else can use it after that. Reloading
the page works, in the same tab. The page needs nothing from the network. On
another machine: forward the port with ssh -L, to the same port.

EXIT STATUS
  0 ended by Ctrl-C, or because nobody looked; 1 it could not be served; 2 bad
  usage
`

func (c *command) auditViewVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "view",
		CustomHelpTemplate: auditViewHelp,
		Flags:              []ucli.Flag{&ucli.BoolFlag{Name: "no-browser"}, &ucli.DurationFlag{Name: "idle"}, homeFlag()},
		Action:             c.auditView,
	}
}

func (c *command) auditView(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	idle := u.Duration("idle")
	if u.IsSet("idle") && idle < time.Second {
		return misuse("for example 5m", "--idle %s", idle)
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	p := logPlace{home: h, audit: h.Audit()}
	ring, err := c.keyringOf(u, h, nil)
	if err == nil {
		err = c.trust(u, p, &ring)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(p.audit); errors.Is(err, fs.ErrNotExist) {
		c.complain("nothing has been logged yet in "+p.audit+": the page shows calls as they come", "")
	}
	ctx, stop := c.interruptible()
	defer stop()
	s, err := page.Listen(page.Options{
		Audit: p.audit, Tools: toolstore.New(h.Tools()), Keys: ring.Keys, Idle: idle, Version: version(),
		Check: func(ctx context.Context, progress func(records, bytes, total int64), read page.Reading) (*verify.Log, string, error) {
			f, err := c.checkLog(ctx, u, p, ring, progress, read)
			if f == nil {
				return nil, "", err
			}
			_, rest := sentence(f)
			return f, rest, err
		},
		Say: func(message string) { c.complain(message, "") },
	})
	if err != nil {
		return fmt.Errorf("serving the page: %w", err)
	}
	fmt.Fprintln(c.Stdout, s.URL())
	opened := false
	if !u.Bool("no-browser") {
		opened = openBrowser(c.Getenv, s.URL()) == nil
	}
	switch {
	case opened:
		c.complain("the page is opened in your browser; Ctrl-C ends it", "")
	default:
		c.complain("open this link in a browser on this machine; it works once, and Ctrl-C ends it", "")
	}
	err = s.Serve(ctx)
	if errors.Is(err, page.ErrIdle) {
		c.complain("nobody has looked at the page for a while: it has ended", "")
		return nil
	}
	if err != nil {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
