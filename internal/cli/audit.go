package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	ucli "github.com/urfave/cli/v2"
)

const auditHelp = `signet-wrap audit: what was called, as a table

USAGE
  signet-wrap audit [flags]
  signet-wrap audit show ID [--json]        all about one call

EXAMPLE
  signet-wrap audit --since 24h --tool write
  signet-wrap audit --tool delete --limit all
  signet-wrap audit --json | jq .receipt.action.tool

FLAGS
  --since T        from then on: 90m, 24h or 7d ago, a day (2026-05-01) or a time
                   (2026-05-01T10:00, here; with Z or +02:00, there)
  --until T        up to then; a day is included
  --tool S         tools with S in their name
  --signer S       signed under the name S, or with the key ed25519:B64
  --session S      of the session that begins with S
  --failed         calls that failed
  --open           calls whose outcome is not known: in flight, never answered, or
                   answered with a task that was not fetched
  --limit N        the newest N of them only, or all of them with "all"; a table has
                   the newest 100 if neither this, --since nor --until is given
  --json           one whole record a line, as it stands in the log
  --export FILE    the same into a new FILE, readable by you alone
  --home DIR       keys and log (default: $SIGNET_HOME or ~/.signet)

One line a call, with what came of it, and one for what befell the log; the
newest comes last. Times are local; a narrow screen has fewer columns. The list
says what the log says; whether that is true, "signet-wrap verify --chain" says.
Ctrl-C ends it; an export that is not whole is taken away again.

EXIT STATUS
  0 listed, even if there is nothing; 1 the log could not be read, or not all of
  it, or Ctrl-C; 2 bad usage
`

func (c *command) auditVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "audit",
		Usage:              "what was called, as a table",
		CustomHelpTemplate: auditHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "since"}, &ucli.StringFlag{Name: "until"},
			&ucli.StringFlag{Name: "tool"}, &ucli.StringFlag{Name: "signer"}, &ucli.StringFlag{Name: "session"},
			&ucli.BoolFlag{Name: "failed"}, &ucli.BoolFlag{Name: "open"},
			&ucli.StringFlag{Name: "limit"}, &ucli.BoolFlag{Name: "json"}, &ucli.StringFlag{Name: "export"}, homeFlag(),
		},
		Action:      c.audit,
		Subcommands: []*ucli.Command{c.auditShowVerb()},
	}
}

func (c *command) audit(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	f, err := newAuditFilter(u, time.Now())
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()

	var l *lister
	bar := c.progress("reading")
	bar.beside = u.IsSet("export") || isFile(c.Stdout)
	list := func(out auditSink) (err error) {
		defer bar.clear()
		if l, err = newLister(ctx, h.Audit(), f, out, bar); err != nil {
			return err
		}
		err = l.list()
		if ferr := out.flush(); err == nil {
			err = ferr // else it would be said twice
		}
		return err
	}
	path := u.String("export")
	switch {
	case path == "-":
		return misuse("--json writes them to stdout", "--export wants a FILE")
	case path != "":
		err = exportTo(path, list)
	case u.Bool("json"):
		err = list(jsonSink{bufio.NewWriter(c.Stdout)})
	default:
		err = list(newAuditTable(c.Stdout, c.width()))
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("--export %q: there is such a file", path))
	case ctx.Err() != nil && errors.Is(err, ctx.Err()) && path != "":
		return fmt.Errorf("interrupted: %s was not written", path)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("interrupted, after %s: the list is not whole", count(bar.records, "record"))
	case err != nil:
		return fmt.Errorf("listing the log: %w", err)
	}
	switch _, missing := os.Stat(h.Audit()); {
	case path != "":
		fmt.Fprintf(c.Stdout, "%s exported to %s\n", count(int64(l.n), "record"), path)
	case l.n == 0 && l.bad == nil && errors.Is(missing, fs.ErrNotExist):
		c.complain("nothing has been logged yet in "+h.Audit(), "signet-wrap -- COMMAND logs, `signet-wrap demo` shows how")
	case l.n == 0 && l.bad == nil:
		c.complain("no record matches", "")
	case l.more && f.byDefault:
		c.complain(fmt.Sprintf("only the newest %d are shown: --limit N or --limit all", f.limit), "")
	}
	if l.bad != nil {
		c.complain(fmt.Sprintf("the list is not whole: %v", l.bad), "signet-wrap verify --chain")
		return status(exitFailed)
	}
	return nil
}

// jsonSink writes records as they stand in the log.
type jsonSink struct{ *bufio.Writer }

func (s jsonSink) put(d *deed) error {
	s.Write(d.e.Raw)
	err := s.WriteByte('\n')
	if d.answerRaw != nil {
		s.Write(d.answerRaw)
		err = s.WriteByte('\n')
	}
	return err
}

func (s jsonSink) flush() error { return s.Flush() }

func (s jsonSink) records() bool { return true }

// exportTo has list write a new file, which it takes away again if that fails.
func exportTo(path string, list func(auditSink) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(path)
		}
	}()
	if err := list(jsonSink{bufio.NewWriter(f)}); err != nil {
		return err
	}
	return f.Sync()
}
