package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/history"
)

// tableLimit is how many rows a table has, if nobody says how many or since when.
const tableLimit = 100

// followLimit is how many calls come before what is followed, likewise.
const followLimit = 10

// filterFlags say which calls are asked for.
func filterFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "since"}, &ucli.StringFlag{Name: "until"},
		&ucli.StringFlag{Name: "tool"}, serverFlag(), &ucli.StringFlag{Name: "client"}, &ucli.StringFlag{Name: "owner"},
		&ucli.StringFlag{Name: "where"}, &ucli.StringFlag{Name: "via"}, &ucli.StringFlag{Name: "grep"},
		&ucli.StringFlag{Name: "signer"}, &ucli.StringFlag{Name: "session"},
		&ucli.StringFlag{Name: "outcome"}, &ucli.BoolFlag{Name: "failed"}, &ucli.BoolFlag{Name: "open"},
	}
}

// serverFlag is --server, which once was --target.
func serverFlag() ucli.Flag { return &ucli.StringFlag{Name: "server", Aliases: []string{"target"}} }

// auditFilter is what the flags of filterFlags ask for.
func auditFilter(u *ucli.Context, now time.Time) (f history.Filter, err error) {
	f = history.Filter{Tool: u.String("tool"), Signer: u.String("signer"), Session: u.String("session"),
		Target: u.String("server"), Client: u.String("client"), Owner: u.String("owner"), Where: u.String("where"),
		Via: u.String("via"), Grep: u.String("grep")}
	if f.Outcomes, err = auditOutcomes(u); err != nil {
		return f, err
	}
	if f.Since, err = parseWhen("since", u.String("since"), now, false); err != nil {
		return f, err
	}
	if f.Until, err = parseWhen("until", u.String("until"), now, true); err != nil {
		return f, err
	}
	if !f.Until.IsZero() && f.Until.Before(f.Since) {
		return f, misuse("", "--since %s is after --until %s", u.String("since"), u.String("until"))
	}
	if b64, ok := strings.CutPrefix(f.Signer, "ed25519:"); ok {
		if _, err := parseKey(b64); err != nil {
			return f, misuse("a name, or ed25519:B64 as in receipts", "--signer %q: %w", f.Signer, err)
		}
	}
	return f, nil
}

// auditOutcomes are those that --outcome, --failed and --open ask for.
func auditOutcomes(u *ucli.Context) (all []history.Outcome, err error) {
	if u.Bool("failed") {
		all = append(all, history.Failed, history.Rejected)
	}
	if u.Bool("open") {
		all = append(all, history.Open, history.NoResponse)
	}
	if !u.IsSet("outcome") {
		return all, nil
	}
	for name := range strings.SplitSeq(u.String("outcome"), ",") {
		i := slices.IndexFunc(history.Outcomes, func(o history.Outcome) bool {
			name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
			return name == strings.ReplaceAll(outcomeName(o), " ", "-") || name == strings.ReplaceAll(string(o), "_", "-")
		})
		if i < 0 {
			var known []string
			for _, o := range history.Outcomes {
				known = append(known, strings.ReplaceAll(outcomeName(o), " ", "-"))
			}
			return nil, misuse(strings.Join(known, ", "), "--outcome: there is no outcome %q", name)
		}
		all = append(all, history.Outcomes[i])
	}
	return all, nil
}

// auditOptions is what the flags of audit ask for.
func auditOptions(u *ucli.Context, now time.Time) (o history.Options, err error) {
	if o.Filter, err = auditFilter(u, now); err != nil {
		return o, err
	}
	var forms []string
	for _, form := range []string{"json", "csv", "records", "export"} {
		if u.IsSet(form) {
			forms = append(forms, "--"+form)
		}
	}
	if len(forms) > 1 {
		return o, misuse("", "%s and %s are two forms of the same list: choose one", forms[0], forms[1])
	}
	if u.Bool("follow") {
		for _, flag := range []string{"until", "export"} {
			if u.IsSet(flag) {
				return o, misuse("", "--follow has no end, and --%s does not go with it", flag)
			}
		}
		if u.String("limit") == "" && o.Since.IsZero() {
			o.Limit = followLimit
			return o, nil
		}
	}
	if u.String("limit") == "" && len(forms) == 0 && o.Grep == "" && o.Since.IsZero() && o.Until.IsZero() {
		o.Limit, o.Count = tableLimit, true
		return o, nil
	}
	o.Limit, err = auditLimit(u)
	return o, err
}

// auditLimit is how many calls --limit asks for; 0: all.
func auditLimit(u *ucli.Context) (int, error) {
	s := u.String("limit")
	if s == "" || s == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, misuse("a number from 1 on, or all", "--limit %q is not a number of calls", s)
	}
	return n, nil
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

// auditColumns are the columns that --columns asks for; nil: those that fit.
func auditColumns(u *ucli.Context) (chosen []int, err error) {
	if !u.IsSet("columns") {
		return nil, nil
	}
	for _, form := range []string{"json", "records", "export"} {
		if u.IsSet(form) {
			return nil, misuse("jq takes members out of --json", "--columns is for a table and --csv, and not for --%s", form)
		}
	}
	for name := range strings.SplitSeq(u.String("columns"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		i := slices.IndexFunc(auditNames(), func(n string) bool { return n == name })
		switch {
		case i < 0:
			return nil, misuse(strings.Join(auditNames(), ", "), "--columns: there is no column %q", name)
		case slices.Contains(chosen, i):
			return nil, misuse("", "--columns: %s is there twice", name)
		}
		chosen = append(chosen, i)
	}
	return chosen, nil
}
