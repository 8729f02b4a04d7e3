package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/archive"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const auditArchiveHelp = `signet-wrap audit archive: compress days of the log, or take them away

USAGE
  signet-wrap audit archive --until DATE|180d [--json]
  signet-wrap audit archive --until DATE|180d --compress|--to DIR|--delete

EXAMPLES
  signet-wrap audit archive --until 30d --compress
  signet-wrap audit archive --until 180d --to /mnt/archive/audit
  signet-wrap verify --chain --home ~/.signet --log ~/.signet/audit \
    --log /mnt/archive/audit

FLAGS
  --until T             days that were over by then: 30d ago, or a day, which
                        is included (2026-05-01; UTC); never today
  --compress            make each <day>.jsonl.gz, which every verb reads
  --to DIR              move them to DIR
  --delete              delete them
  --json                an object a day
  --key NAME            the identity that signs the event (default: default)
  --passphrase-file F   file with the passphrase of the key
  --home DIR            keys and log (default: $SIGNET_HOME or ~/.signet)

Without --compress, --to and --delete the days are listed. The log is verified
first, as by "signet-wrap verify --chain". A signed event says which days it
were, and <day>.ends keeps the hash of each of their records. After --to and
--delete "verify --chain" is exit 3 until the event is accepted from outside
(verify --accept ID --remember, or a trust file), for whoever has the account
can sign one. Days younger than the retention that the system's config.toml
says (180 days) are not taken away.

EXIT STATUS
  0 done, or listed; 1 not or not wholly done; 2 bad usage
`

func (c *command) auditArchiveVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "archive",
		CustomHelpTemplate: auditArchiveHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "until"}, &ucli.BoolFlag{Name: "compress"}, &ucli.StringFlag{Name: "to", TakesFile: true}, &ucli.BoolFlag{Name: "delete"},
			&ucli.BoolFlag{Name: "json"}, &ucli.StringFlag{Name: "key"}, &ucli.StringFlag{Name: "passphrase-file", TakesFile: true}, homeFlag(),
		},
		Action: c.auditArchive,
	}
}

func (c *command) auditArchive(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	now := time.Now().UTC()
	until, err := parseWhen("until", u.String("until"), now, true)
	if err != nil {
		return err
	}
	o := archive.Options{To: u.String("to")}
	n := 0
	for flag, action := range map[string]string{"compress": archive.Compress, "to": archive.Move, "delete": archive.Delete} {
		if u.IsSet(flag) && (flag == "to" || u.Bool(flag)) {
			o.Action = action
			n++
		}
	}
	switch {
	case until.IsZero():
		return misuse("for example --until 180d, or --until 2026-05-01", "archive needs --until")
	case n > 1:
		return misuse("", "--compress, --to and --delete exclude each other")
	case o.Action == archive.Move && o.To == "":
		return misuse("the directory that the days go to", "--to needs a DIR")
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	today := now.Truncate(24 * time.Hour)
	if end := until.Add(time.Nanosecond); end.Before(today) {
		today = end
	}
	days, err := archive.Days(h.Audit(), today)
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	keep, set, err := c.retention()
	if err != nil {
		return err
	}
	young := now.Add(-keep)
	if len(days) == 0 {
		c.complain("no day of the log ended by then: nothing to do", "")
		return nil
	}
	if o.Action == "" {
		return c.listDays(u, days, young)
	}
	if last := days[len(days)-1]; o.Action != archive.Compress && last.End().After(young) {
		return fail(fmt.Sprintf("--until %dd, or --compress", int(keep/(24*time.Hour))+1),
			fmt.Errorf("%s is younger than the retention of %d days, which %s %s: nothing was taken away", last.File, int(keep/(24*time.Hour)), c.SystemConfig,
				map[bool]string{true: "sets", false: "does not change"}[set]))
	}
	return c.runArchive(u, h, days, o)
}

// runArchive verifies the log and archives days of it.
func (c *command) runArchive(u *ucli.Context, h home.Dir, days []archive.Day, o archive.Options) error {
	f, _, err := c.checkChain(u, logPlace{home: h, audit: h.Audit()})
	if err != nil {
		return err
	}
	if f.Verdict == verify.Tampered || f.Verdict == verify.Unchecked || !f.Authenticity.Established() {
		return fail("signet-wrap verify --chain", errors.New("the log does not verify, so no day was archived"))
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	if write == nil {
		return errors.New("the log belongs to another user: its owner archives it")
	}
	if o.To != "" {
		if o.To, err = home.Expand(o.To); err == nil {
			o.To, err = filepath.Abs(o.To)
		}
		if err != nil {
			return fmt.Errorf("--to: %w", err)
		}
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("archiving")
	o.Dir, o.Until, o.Sign, o.Progress = h.Audit(), days[len(days)-1].File, write, bar.show
	done, err := archive.Run(ctx, o)
	bar.clear()
	if perr := c.printArchived(u, done, o); perr != nil {
		return perr
	}
	if err != nil {
		hint := "run it again: it goes on where it was"
		switch {
		case errors.Is(err, archive.ErrItself):
			hint = "--to another directory"
		case errors.Is(err, archive.ErrOther):
			hint = "rename that file, or --to another directory, and run it again: it goes on where it was"
		}
		return fail(hint, fmt.Errorf("archiving the log: %w", err))
	}
	if o.Action != archive.Compress && !u.Bool("json") {
		c.complain("\"signet-wrap verify --chain\" names the event and is exit 3 until it is accepted from outside of this account", "docs/OPERATIONS.md, \"Retention\"")
	}
	return nil
}

// archivedJSON is a line of `audit archive --json`.
type archivedJSON struct {
	Day     string `json:"day"`
	Size    int64  `json:"size,omitempty"` // of the file that is there
	Form    string `json:"form,omitempty"` // "plain" or "compressed"
	Young   *bool  `json:"within_retention,omitempty"`
	Action  string `json:"action,omitempty"`
	Records int64  `json:"records,omitempty"`
	End     int64  `json:"end,omitempty"`
}

func (c *command) listDays(u *ucli.Context, days []archive.Day, young time.Time) error {
	for _, d := range days {
		form, keep := "plain", d.End().After(young)
		if d.Compressed {
			form = "compressed"
		}
		day := strings.TrimSuffix(d.File, ".jsonl")
		if u.Bool("json") {
			if err := c.printJSON(archivedJSON{Day: day, Size: d.Size, Form: form, Young: &keep}); err != nil {
				return err
			}
			continue
		}
		note := ""
		if keep {
			note = "  within the retention: not to be taken away"
		}
		line := strings.TrimRight(fmt.Sprintf("%s  %14s bytes  %-10s%s", day, grouped(d.Size), form, note), " ")
		if _, err := fmt.Fprintln(c.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) printArchived(u *ucli.Context, done []event.ArchivedFile, o archive.Options) error {
	for _, f := range done {
		day := strings.TrimSuffix(f.File, ".jsonl")
		if u.Bool("json") {
			if err := c.printJSON(archivedJSON{Day: day, Action: o.Action, Records: f.Records, End: f.End}); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(c.Stdout, "%s  %s, %s\n", day, o.Action, count(f.Records, "record")); err != nil {
			return err
		}
	}
	return nil
}

// retentionKey is the key of the system's file that says for how long a log is kept.
const retentionKey = "retention"

// parseRetention parses a number of days, such as "180d".
func parseRetention(s string) (time.Duration, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil || n < 0 || n > 36_500 || !strings.HasSuffix(s, "d") {
		return 0, fmt.Errorf("%q is not a number of days, such as 180d", s)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// retention is for how long a log is kept, and whether the system's configuration says
// so.
func (c *command) retention() (keep time.Duration, set bool, err error) {
	f, err := c.systemConfig()
	if err != nil || f == nil || len(f.Values[retentionKey]) == 0 {
		return verify.DefaultRetention, false, err
	}
	keep, err = parseRetention(f.Values[retentionKey][0])
	return keep, true, err
}

// printArchivedDays says to a person what is not there any more. verb is how they verified.
func (c *command) printArchivedDays(row func(name, format string, a ...any), a *verify.Archived, verb string) {
	if a == nil {
		return
	}
	if a.Days > 0 {
		row("archived", "%s of %s to %s %s not there: %s", count(int64(a.Days), "day"), a.From, a.To, map[bool]string{true: "is", false: "are"}[a.Days == 1], count(a.Records, "record"))
	}
	for i, e := range a.Events {
		if i == maxShown {
			row("", "and more: --json lists them")
			break
		}
		accepted := ""
		if e.Accepted {
			accepted = ", accepted"
		}
		row("", "%s to %s: %s by %q (%s) at %s%s", e.From, e.To, e.Action, e.Name, e.Pubkey, e.Time, accepted)
		if e.Young > 0 {
			row("", "%s of them younger than the retention of %d days", count(int64(e.Young), "day"), a.Keep)
		}
		if !e.Accepted {
			row("", "whoever has the account can sign that; to accept it: verify %s --accept", verb)
			row("", "  %s (as root, for good: verify --accept %s --remember --reason TEXT)", e.ID, e.ID)
		}
	}
	few(row, a.Wrong)
}
