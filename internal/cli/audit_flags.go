package cli

import (
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/history"
)

// tableLimit is how many rows a table has, if nobody says how many or since when.
const tableLimit = 100

// auditOptions is what the flags of audit ask for.
func auditOptions(u *ucli.Context, now time.Time) (o history.Options, err error) {
	o.Filter = history.Filter{Tool: u.String("tool"), Signer: u.String("signer"), Session: u.String("session"),
		Target: u.String("target"), Client: u.String("client"), Owner: u.String("owner"), Where: u.String("where"),
		Failed: u.Bool("failed"), Open: u.Bool("open")}
	if o.Since, err = parseWhen("since", u.String("since"), now, false); err != nil {
		return o, err
	}
	if o.Until, err = parseWhen("until", u.String("until"), now, true); err != nil {
		return o, err
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, misuse("", "--since %s is after --until %s", u.String("since"), u.String("until"))
	}
	if b64, ok := strings.CutPrefix(o.Signer, "ed25519:"); ok {
		if _, err := parseKey(b64); err != nil {
			return o, misuse("a name, or ed25519:B64 as in receipts", "--signer %q: %w", o.Signer, err)
		}
	}
	table := u.String("export") == "" && !u.Bool("json")
	switch s := u.String("limit"); {
	case s == "" && table && o.Since.IsZero() && o.Until.IsZero():
		o.Limit, o.Count = tableLimit, true
	case s != "" && s != "all":
		if o.Limit, err = strconv.Atoi(s); err != nil || o.Limit < 1 {
			return o, misuse("a number from 1 on, or all", "--limit %q is not a number of calls", s)
		}
	}
	return o, nil
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
