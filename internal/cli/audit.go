package cli

import (
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
  signet-wrap audit show ID | stats | tools | view | report | export
  signet-wrap audit archive | erase             (each has its own --help)

EXAMPLES
  signet-wrap audit --since 24h --tool write --failed
  signet-wrap audit --json --limit 1 | jq .arguments

FLAGS
  --since T --until T   90m, 24h or 7d ago, a day (2026-05-01; as an end it is
                        included), or 2026-05-01T10:00 (local; or with +02:00)
  --tool S --server S   with S in the name of the tool; of the server
  --client S --owner S  with S in the client's name and version; in the owner
  --where S --via S     with S in user@host; S is wrap, check, sdk or hook
  --grep S              with S in the arguments (case is ignored, as above)
  --signer S            signed under the name S, or with the key ed25519:B64
  --session S           the session whose ID begins with S
  --outcome LIST        executed, failed, rejected, wants-input, responded,
                        open, no-response; unsigned, invalid, no-call, ...
  --failed --open       the same as failed,rejected and open,no-response
  --limit N             the newest N calls, or "all" (default: 100 in a table
                        without --since, --until and --grep)
  --follow              then each call as it begins and ends, until Ctrl-C
  --columns LIST        of a table or CSV: time, tool, server, outcome, took,
                        client, signer, owner, where, via, session, id,
                        arguments
  --json                an object for each line (docs/AUDIT.md)
  --csv                 for spreadsheets: times in UTC, took in milliseconds
  --records             the records of the lines as they are in the log
  --home DIR            keys and log (default: $SIGNET_HOME or ~/.signet)

A line is a call with its outcome, or an event; the newest is last. Only what
is signed counts. "?" after a signer: its key is not in the home.

EXIT STATUS
  0 listed, even if nothing, or followed until Ctrl-C; 1 not or not wholly
  read, or Ctrl-C; 2 bad usage
`

func (c *command) auditVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "audit",
		Usage:              "what was called, as a table",
		CustomHelpTemplate: auditHelp,
		Flags: append(filterFlags(),
			&ucli.StringFlag{Name: "limit"}, &ucli.BoolFlag{Name: "follow"}, &ucli.StringFlag{Name: "columns"},
			&ucli.BoolFlag{Name: "json"}, &ucli.BoolFlag{Name: "csv"}, &ucli.BoolFlag{Name: "records"},
			&ucli.StringFlag{Name: "export", Hidden: true}, homeFlag()), // before there was "audit export"
		Action:      c.audit,
		Subcommands: []*ucli.Command{c.auditShowVerb(), c.auditStatsVerb(), c.auditToolsVerb(), c.auditViewVerb(), c.auditReportVerb(), c.auditExportVerb(), c.auditArchiveVerb(), c.auditEraseVerb()},
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
		return misuse("--records writes them to stdout", "--export wants a FILE")
	}
	columns, err := auditColumns(u)
	if err != nil {
		return err
	}
	if u.Bool("follow") {
		ctx, stop := c.interruptible()
		defer stop()
		bar := c.listBar(o, path)
		defer bar.clear()
		log, err := chain.TakeSnapshot(h.Audit())
		if err != nil {
			return fmt.Errorf("listing the log: %w", err)
		}
		return c.follow(ctx, log, o, c.auditOutput(u, h, columns), h, bar)
	}
	form := func(w io.Writer) auditOutput { return newAuditRecords(w) }
	if path == "" {
		form = func(io.Writer) auditOutput { return c.auditOutput(u, h, columns) }
	}
	return c.listTo(o, h, form, path, "--export")
}

// listBar is how far a list is, for one that goes to a file or, with path "", to stdout.
func (c *command) listBar(o history.Options, path string) *bar {
	bar := c.progress("reading")
	bar.beside = path != "" || isFile(c.Stdout)
	// Between matches that are far apart it comes again, if only they are on the screen.
	bar.again = o.Grep != "" && isTerminal(c.Stdout)
	return bar
}

// listTo lists the log in a form: to stdout or, unless path is "", to a new file, which
// flag has named.
func (c *command) listTo(o history.Options, h home.Dir, form func(io.Writer) auditOutput, path, flag string) error {
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.listBar(o, path)
	defer bar.clear()
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	var sum history.Summary
	var out auditOutput
	list := func(w io.Writer) (err error) {
		out = form(w)
		sum, err = c.listLog(ctx, log, o, out, bar)
		return err
	}
	if path != "" {
		err = durable.WriteNewFrom(path, 0o600, list)
	} else {
		err = list(c.Stdout)
		if t, ok := out.(*auditTable); ok {
			t.say()
		}
	}
	bar.clear()
	switch {
	case errors.Is(err, fs.ErrExist):
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("%s %q: the file exists", flag, path))
	case ctx.Err() != nil && errors.Is(err, ctx.Err()) && path != "":
		return fmt.Errorf("interrupted: %s was not written", path)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("interrupted, after %s: the list is not whole", count(bar.records, "record"))
	case err != nil:
		return fmt.Errorf("listing the log: %w", err)
	}
	if path != "" {
		what := count(int64(sum.Rows), "line")
		if r, ok := out.(*auditRecords); ok {
			what = count(r.n, "record")
		}
		fmt.Fprintf(c.Stdout, "%s exported to %s\n", what, clean(path))
	}
	return c.listed(sum, o, h, path == "")
}

// auditOutput is the form that the flags ask for.
func (c *command) auditOutput(u *ucli.Context, h home.Dir, columns []int) auditOutput {
	switch {
	case u.Bool("records"):
		return newAuditRecords(c.Stdout)
	case u.Bool("json"):
		return newAuditJSON(c.Stdout, knownKeys(h))
	case u.Bool("csv"):
		return newAuditCSV(c.Stdout, columns)
	}
	t := newAuditTable(c.Stdout, c.width())
	t.known, t.chosen = knownKeys(h), columns
	return t
}

// listLog lists to an output.
func (c *command) listLog(ctx context.Context, log *chain.Snapshot, o history.Options, w auditOutput, bar *bar) (sum history.Summary, err error) {
	o.Progress = func(records, bytes, total int64) {
		if w.waits(auditPatience) {
			bar.giveWay()
			w.flush() // whose error the next row has
		}
		bar.show(records, bytes, total)
	}
	put := func(row *history.Row) error {
		bar.giveWay()
		return w.put(row)
	}
	if records, ok := w.(*auditRecords); ok && asRecords(o) && records.begun == nil {
		sum, err = history.Records(ctx, log, o, func(e *chain.Entry) error {
			bar.giveWay()
			return records.write(e)
		})
	} else {
		o.Contexts = !ok
		sum, err = history.List(ctx, log, o, put)
	}
	bar.giveWay()
	if ferr := w.flush(); err == nil {
		err = ferr // else it would be said twice
	}
	return sum, err
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

// asRecords says whether each record that is asked for is listed by itself, as
// opposed to calls with what came of them: where nothing depends on that.
func asRecords(o history.Options) bool {
	return o.Limit == 0 && len(o.Outcomes) == 0 && o.Grep == ""
}
