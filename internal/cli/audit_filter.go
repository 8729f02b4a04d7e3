package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

// auditFilter is what the flags of audit ask for.
type auditFilter struct {
	since, until          time.Time // zero: open
	tool, signer, session string
	failed, open          bool
	limit                 int  // 0: all
	byDefault             bool // nobody said so
}

// tableLimit is how many rows a table has, if nobody says how many or since when.
const tableLimit = 100

func newAuditFilter(u *ucli.Context, now time.Time) (f *auditFilter, err error) {
	f = &auditFilter{tool: u.String("tool"), signer: u.String("signer"), session: u.String("session"),
		failed: u.Bool("failed"), open: u.Bool("open")}
	if f.since, err = parseWhen("since", u.String("since"), now, false); err != nil {
		return nil, err
	}
	if f.until, err = parseWhen("until", u.String("until"), now, true); err != nil {
		return nil, err
	}
	if !f.until.IsZero() && f.until.Before(f.since) {
		return nil, misuse("", "--since %s is after --until %s", u.String("since"), u.String("until"))
	}
	table := u.String("export") == "" && !u.Bool("json")
	switch s := u.String("limit"); {
	case s == "" && table && f.since.IsZero() && f.until.IsZero():
		f.limit, f.byDefault = tableLimit, true
	case s != "" && s != "all":
		if f.limit, err = strconv.Atoi(s); err != nil || f.limit < 1 {
			return nil, misuse("a number from 1 on, or all", "--limit %q is not a number of records", s)
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

// about says whether a call, or another record, is asked for, whatever came of
// it.
func (f *auditFilter) about(e *chain.Entry, v *sign.Verified) bool {
	if v == nil {
		return f.all()
	}
	signed := func(s sign.Party) bool { return s.Name == f.signer || formatKey(s.Key) == f.signer }
	return (f.since.IsZero() || !v.Time.Before(f.since)) &&
		(f.until.IsZero() || !v.Time.After(f.until)) &&
		(f.tool == "" || v.Type == "" && strings.Contains(v.Tool, f.tool)) &&
		(f.signer == "" || slices.ContainsFunc(v.Signers, signed)) &&
		(f.session == "" || f.inSession(e, v))
}

// all says whether every record is asked for, whatever came of it.
func (f *auditFilter) all() bool {
	return f.since.IsZero() && f.until.IsZero() && f.tool == "" && f.signer == "" && f.session == ""
}

// ended says whether what came of a call is asked for.
func (f *auditFilter) ended(d *deed) bool {
	return !f.failed && !f.open || f.failed && d.failed() || f.open && d.open()
}

func (f *auditFilter) inSession(e *chain.Entry, v *sign.Verified) bool {
	session := v.Session
	if v.Type != "" {
		_, session = eventMembers(e.Receipt)
	}
	return session != "" && strings.HasPrefix(strings.TrimPrefix(session, "ses_"), strings.TrimPrefix(f.session, "ses_"))
}
