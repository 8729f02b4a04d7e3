package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

const auditHelp = `signet-wrap audit: list calls and their outcomes

USAGE
  signet-wrap audit [flags]
  signet-wrap audit show ID [--json]        all about one call
  signet-wrap audit tools [--target S]      the listed tools, and changes

EXAMPLE
  signet-wrap audit --since 24h --tool write

FLAGS
  --since T        from then on: 90m, 24h or 7d ago, a day (2026-05-01), or a
                   time (2026-05-01T10:00, local; or with Z or +02:00)
  --until T        up to then; a day is included
  --tool S         tools with S in their name
  --target S       servers with S in their name
  --client S       clients with S in their name and version
  --where S        users and hosts with S in user@host
  --owner S        keys whose owner has S in it
  --signer S       signed under the name S, or with the key ed25519:B64
  --session S      of the session whose ID begins with S
  --failed         calls that failed
  --open           calls without a known outcome
  --limit N        the newest N rows, or all of them with "all" (default: the
                   newest 100 of a table without --since and --until)
  --json           one whole record a line, as in the log. With --limit,
                   --failed or --open, the records of the rows of the table:
                   each call, and after it the response that counts
  --export FILE    write that into a new FILE, readable by you alone
  --home DIR       keys and log (default: $SIGNET_HOME or ~/.signet)

One line for each call with its outcome, and for each event; the newest is
last. Times are local. On a narrow terminal a column with one value is below
the table. Only what is signed counts: the first response with the signer,
session, tool, server and request time of the call. Other records have lines
that say why they do not count. Copies are counted only. "?" after a signer:
its key is not in the home. "signet-wrap verify --chain" says whether the log
is whole.

EXIT STATUS
  0 listed, even if there is nothing; 1 the log could not be read, or only in
  part, or Ctrl-C; 2 bad usage
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
			&ucli.StringFlag{Name: "target"}, &ucli.StringFlag{Name: "client"}, &ucli.StringFlag{Name: "where"}, &ucli.StringFlag{Name: "owner"},
			&ucli.BoolFlag{Name: "failed"}, &ucli.BoolFlag{Name: "open"},
			&ucli.StringFlag{Name: "limit"}, &ucli.BoolFlag{Name: "json"}, &ucli.StringFlag{Name: "export"}, homeFlag(),
		},
		Action:      c.audit,
		Subcommands: []*ucli.Command{c.auditShowVerb(), c.auditToolsVerb()},
	}
}

func (c *command) audit(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	o, err := auditOptions(u, time.Now())
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	path := u.String("export")
	if path == "-" {
		return misuse("--json writes them to stdout", "--export wants a FILE")
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("reading")
	bar.beside = path != "" || isFile(c.Stdout)
	defer bar.clear()
	o.Progress = bar.show

	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	var sum history.Summary
	out := recordWriter{bar: bar}
	switch {
	case path != "":
		err = durable.WriteNewFrom(path, 0o600, func(w io.Writer) (err error) {
			out.Writer = bufio.NewWriter(w)
			sum, err = out.list(ctx, log, o)
			return err
		})
	case u.Bool("json"):
		out.Writer = bufio.NewWriter(c.Stdout)
		sum, err = out.list(ctx, log, o)
	default:
		sum, err = c.listRows(ctx, log, o, h, bar)
	}
	bar.clear()
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
	if path != "" {
		fmt.Fprintf(c.Stdout, "%s exported to %s\n", count(out.n, "record"), clean(path))
	}
	return c.listed(sum, o, h, path == "")
}

// listed says what there is to say of a list.
func (c *command) listed(sum history.Summary, o history.Options, h home.Dir, shown bool) error {
	const verify = "signet-wrap verify --chain"
	switch _, missing := os.Stat(h.Audit()); {
	case !shown:
	case sum.Rows == 0 && sum.Bad == nil && errors.Is(missing, fs.ErrNotExist):
		c.complain("nothing has been logged yet in "+h.Audit(), "wrap your servers with `signet-wrap install`, or one with signet-wrap -- COMMAND")
	case sum.Rows == 0 && sum.Bad == nil:
		c.complain("no record matches", "")
	case sum.More:
		c.complain(fmt.Sprintf("only the newest %d are shown: --limit N or --limit all", o.Limit), "")
	}
	if sum.Future != "" {
		c.complain(sum.Future+" is named for a day that is still to come: its records are listed as the newest, whatever their time", verify)
	}
	if sum.Copies > 0 {
		c.complain(fmt.Sprintf("%s left out: the log has the same receipts earlier, and they are no further calls", count(int64(sum.Copies), "copy")), verify)
	}
	if sum.Bad != nil {
		c.complain(fmt.Sprintf("the list is not whole: %v", sum.Bad), verify)
		return status(exitFailed)
	}
	return nil
}

// asRecords says whether JSON has each record that is asked for by itself, as
// opposed to calls with what came of them: where nothing depends on that.
func asRecords(o history.Options) bool { return o.Limit == 0 && !o.Failed && !o.Open }

// recordWriter writes records as they are in the log.
type recordWriter struct {
	*bufio.Writer
	bar *bar
	n   int64 // written
}

func (w *recordWriter) put(e *chain.Entry) error {
	w.bar.giveWay()
	w.n++
	w.Write(e.Raw)
	return w.WriteByte('\n')
}

func (w *recordWriter) list(ctx context.Context, log *chain.Snapshot, o history.Options) (sum history.Summary, err error) {
	if asRecords(o) {
		sum, err = history.Records(ctx, log, o, w.put)
	} else {
		sum, err = history.List(ctx, log, o, func(row *history.Row) error {
			err := w.put(&row.Entry)
			if row.Response != nil && row.Response != row.Record {
				err = w.put(&row.Response.Entry)
			}
			return err
		})
	}
	if ferr := w.Flush(); err == nil {
		err = ferr // else it would be said twice
	}
	return sum, err
}
