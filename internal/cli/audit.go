package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

const auditHelp = `signet-wrap audit: what was called, as a table

USAGE
  signet-wrap audit [flags]
  signet-wrap audit show ID [--json]        all about one call

EXAMPLE
  signet-wrap audit --since 24h --tool write
  signet-wrap audit --limit 20
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
  --limit N        the newest N of them only
  --json           one whole record a line, as it stands in the log
  --export FILE    the same into a new FILE, readable by you alone
  --home DIR       keys and log (default: $SIGNET_HOME or ~/.signet)

One line a call, with what came of it, and one for what befell the log; the
newest comes last. Times are local. The list says what the log says; whether
that is true, "signet-wrap verify --chain" says.

EXIT STATUS
  0 listed, even if there is nothing; 1 the log could not be read, or not all of
  it; 2 bad usage
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
	h, err := c.home(u)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.ctx, os.Interrupt)
	defer stop()

	var n int
	var bad *chain.LineError
	list := func(out auditSink) (err error) {
		n, bad, err = auditList(ctx, h.audit(), f, out)
		return errors.Join(err, out.flush())
	}
	path := u.String("export")
	switch {
	case path != "":
		err = exportTo(path, list)
	case u.Bool("json"):
		err = list(jsonSink{bufio.NewWriter(c.Stdout)})
	default:
		err = list(newAuditTable(c.Stdout, c.width()))
	}
	if errors.Is(err, fs.ErrExist) {
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("--export %q: there is such a file", path))
	}
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	switch _, missing := os.Stat(h.audit()); {
	case path != "":
		fmt.Fprintf(c.Stdout, "%s exported to %s\n", count(int64(n), "record"), path)
	case n == 0 && bad == nil && errors.Is(missing, fs.ErrNotExist):
		c.complain("nothing has been logged yet in "+h.audit(), "signet-wrap -- COMMAND logs, `signet-wrap demo` shows how")
	case n == 0 && bad == nil:
		c.complain("no record is of that kind", "")
	}
	if bad != nil {
		c.complain(fmt.Sprintf("the list is not whole: %v", bad), "signet-wrap verify --chain")
		return status(exitFailed)
	}
	return nil
}

// auditSink takes what a list is of, in order.
type auditSink interface {
	put(d *deed) error
	flush() error
	records() bool // it wants each record by itself, not calls with their answers
}

// auditList puts what f lets pass, and says how much there was and which line
// could not be read last.
func auditList(ctx context.Context, dir string, f *auditFilter, out auditSink) (n int, bad *chain.LineError, err error) {
	pass := func(d *deed) error {
		if !f.match(d) {
			return nil
		}
		n++
		return out.put(d)
	}
	put := func(e chain.Entry, v *sign.Verified) error { return pass(&deed{e: e, v: v}) }
	joined := newJoiner(pass)
	if !out.records() || f.failed || f.open {
		put = joined.put
	}
	back := newBackJoiner()
	var newest []*deed // under a limit, newest first

	records := chain.Scan(dir, f.since)
	if f.limit > 0 {
		records = chain.Backward(dir, f.since)
	}
	for e, err := range records {
		if errors.As(err, &bad) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, bad, err
		}
		v, _ := sign.Read(e.Receipt)
		if f.limit == 0 {
			if err := put(e, v); err != nil {
				return n, bad, err
			}
			continue
		}
		d := newDeed(e, v)
		if !out.records() || f.failed || f.open {
			d = back.take(e, v)
		}
		if d == nil || !f.match(d) {
			continue
		}
		if newest = append(newest, d); len(newest) == f.limit {
			break
		}
	}
	for _, d := range slices.Backward(newest) {
		if err := pass(d); err != nil {
			return n, bad, err
		}
	}
	return n, bad, joined.end()
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

// auditFilter is what the flags of audit ask for.
type auditFilter struct {
	since, until          time.Time // zero: open
	tool, signer, session string
	failed, open          bool
	limit                 int
}

func newAuditFilter(u *ucli.Context, now time.Time) (f *auditFilter, err error) {
	f = &auditFilter{tool: u.String("tool"), signer: u.String("signer"), session: u.String("session"),
		failed: u.Bool("failed"), open: u.Bool("open")}
	if f.since, err = parseWhen("since", u.String("since"), now, false); err != nil {
		return nil, err
	}
	if f.until, err = parseWhen("until", u.String("until"), now, true); err != nil {
		return nil, err
	}
	if s := u.String("limit"); s != "" {
		if f.limit, err = strconv.Atoi(s); err != nil || f.limit < 1 {
			return nil, misuse("a number from 1 on; leave it out for all", "--limit %q is not a number of records", s)
		}
	}
	return f, nil
}

// parseWhen reads a time as people write it: an age, a day, or a time of day. A
// day means its end if end is set, else its beginning.
func parseWhen(flag, s string, now time.Time, end bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 20); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if age, err := time.ParseDuration(s); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	if day, err := time.ParseInLocation("2006-01-02", s, now.Location()); err == nil {
		if end {
			day = day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		return day, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, misuse("24h, 7d, 2026-05-01 or 2026-05-01T10:00", "--%s %q is not a time", flag, s)
}

// match says whether a deed is asked for.
func (f *auditFilter) match(d *deed) bool {
	e, v := d.e, d.v
	if (f.failed || f.open) && !(f.failed && d.failed() || f.open && d.open()) {
		return false
	}
	if v == nil {
		return *f == auditFilter{limit: f.limit}
	}
	signed := func(s sign.Party) bool { return s.Name == f.signer || formatKey(s.Key) == f.signer }
	return (f.since.IsZero() || !v.Time.Before(f.since)) &&
		(f.until.IsZero() || !v.Time.After(f.until)) &&
		(f.tool == "" || v.Type == "" && strings.Contains(v.Tool, f.tool)) &&
		(f.signer == "" || slices.ContainsFunc(v.Signers, signed)) &&
		(f.session == "" || f.inSession(e, v))
}

func (f *auditFilter) inSession(e chain.Entry, v *sign.Verified) bool {
	session := v.Session
	if v.Type != "" {
		_, session = eventMembers(e.Receipt)
	}
	return session != "" && strings.HasPrefix(strings.TrimPrefix(session, "ses_"), strings.TrimPrefix(f.session, "ses_"))
}
