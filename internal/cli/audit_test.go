package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func TestParseWhen(t *testing.T) {
	zone := time.FixedZone("here", 2*60*60)
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, zone)
	for _, tt := range []struct{ s, since, until string }{
		{"24h", "2026-06-09T10:00:00Z", "2026-06-09T10:00:00Z"},
		{"90m", "2026-06-10T08:30:00Z", "2026-06-10T08:30:00Z"},
		{"7d", "2026-06-03T10:00:00Z", "2026-06-03T10:00:00Z"},
		{"0d", "2026-06-10T10:00:00Z", "2026-06-10T10:00:00Z"},
		{"2026-05-01", "2026-04-30T22:00:00Z", "2026-05-01T21:59:59.999999999Z"},
		{"2026-05-01T10:00", "2026-05-01T08:00:00Z", "2026-05-01T08:00:00Z"},
		{"2026-05-01 10:00:30", "2026-05-01T08:00:30Z", "2026-05-01T08:00:30Z"},
		{"2026-05-01T10:00Z", "2026-05-01T10:00:00Z", "2026-05-01T10:00:00Z"},
		{"2026-05-01T10:00:00.5-01:00", "2026-05-01T11:00:00.5Z", "2026-05-01T11:00:00.5Z"},
	} {
		since, err1 := parseWhen("since", tt.s, now, false)
		until, err2 := parseWhen("until", tt.s, now, true)
		if err1 != nil || err2 != nil {
			t.Errorf("%q: %v, %v", tt.s, err1, err2)
		}
		if got := since.UTC().Format(time.RFC3339Nano); got != tt.since {
			t.Errorf("since %q: %s, want %s", tt.s, got, tt.since)
		}
		if got := until.UTC().Format(time.RFC3339Nano); got != tt.until {
			t.Errorf("until %q: %s, want %s", tt.s, got, tt.until)
		}
	}
	for _, bad := range []string{"d", "-1d", "-5m", "1.5d", "99999999999999999999d", "tomorrow", "2026-13-01", "5"} {
		if got, err := parseWhen("since", bad, now, false); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

// The table fits the screen, whatever is in the log.
func TestAuditTable(t *testing.T) {
	bot, _ := testSigner(t, strings.Repeat("long-name", 5))
	long := call(t, bot, strings.Repeat("tööl", 20))
	home := logOf(t, long, eventBy(t, bot, event.Gap{Session: "ses_12345678abc"}), raw(`{"v":9}`))
	for _, width := range []int{80, 120, 200} {
		var out strings.Builder
		if err := listTable(&out, home, width); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("%s", out.String())
		}
		if narrow := width < 120; narrow == strings.Contains(lines[0], "SESSION") || !strings.Contains(lines[0], " ID ") {
			t.Errorf("in %d: %s", width, lines[0])
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > width {
				t.Errorf("%d characters in %d: %s", n, width, line)
			}
		}
		if !strings.Contains(lines[2], "(gap)") || width > 80 && !strings.Contains(lines[2], " 12345678 ") || !strings.Contains(lines[3], `(not a receipt)`) {
			t.Errorf("%s", out.String())
		}
	}
}

func listTable(out *strings.Builder, dir string, width int) error {
	log, err := chain.TakeSnapshot(home.Dir(dir).Audit())
	if err != nil {
		return err
	}
	table := newAuditTable(out, width)
	if _, err := history.List(context.Background(), log, history.Options{Contexts: true}, table.put); err != nil {
		return err
	}
	return table.flush()
}

// A list longer than what sizes the columns comes whole and in order, and so
// does its end.
func TestAuditLong(t *testing.T) {
	bot, _ := testSigner(t, "bot")
	const n = 3 * sizingRows
	var makers []func(chain.At) []byte
	for i := range n {
		makers = append(makers, call(t, bot, fmt.Sprintf("tool%05d", i)))
	}
	dir := logOf(t, makers...)
	const more = "signet-wrap: only the newest 100 are shown: --limit N or --limit all\n"
	for _, tt := range []struct {
		args []string
		want int
		says string
	}{
		{nil, 100, more}, {[]string{"--tool", "tool0"}, 100, more}, {[]string{"--tool", "tool000"}, 100, ""},
		{[]string{"--limit", "all"}, n, ""}, {[]string{"--limit", "700"}, 700, ""}, {[]string{"--limit", "99999"}, n, ""},
		{[]string{"--since", "1h"}, n, ""}, {[]string{"--until", "0s"}, n, ""},
	} {
		args, want := tt.args, tt.want
		status, out, errs := run(t, append([]string{"audit", "--home", dir}, args...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
		if status != 0 || len(lines) != want || errs != tt.says {
			t.Fatalf("%q: %d rows, want %d: %s", args, len(lines), want, errs)
		}
		if len(args) > 0 && args[0] == "--tool" && tt.says == "" {
			continue // these are not the last ones
		}
		for i, line := range lines {
			if !strings.Contains(line, fmt.Sprintf(" tool%05d ", n-want+i)) {
				t.Fatalf("%q: row %d: %s", args, i, line)
			}
		}
	}
}

// audit show finds what belongs to a call, and asks which one if there are several.
func TestAuditShow(t *testing.T) {
	dir := referenceHome(t)
	const id = "rec_335d2f92a612dec0df1df3e20485ce78"
	for _, ref := range []string{id, id[4:], strings.ToUpper(id[4:14]), "rec_335d2f"} {
		status, out, errs := run(t, "audit", "show", ref, "--home", dir)
		if status != 0 || !strings.Contains(out, "id         "+id) || !strings.Contains(out, "2026-05-04.jsonl:7, and its hash fits") {
			t.Errorf("%s: exit status %d: %s%s", ref, status, out, errs)
		}
	}
	// All ids of the log begin with one of 16 digits, so 21 records share some.
	ambiguous := false
	for _, digit := range "0123456789abcdef" {
		status, _, errs := run(t, "audit", "show", string(digit), "--home", dir)
		ambiguous = ambiguous || status == exitFailed && strings.Contains(errs, "begins several ids: rec_")
	}
	if !ambiguous {
		t.Error("no beginning was ambiguous")
	}
	if status, _, _ := run(t, "audit", "show", "evt_335d2f", "--home", dir); status != exitFailed {
		t.Errorf("exit status %d for an event of that id", status)
	}
}

// An answer in the log is shown with its call, and so is a retry.
func TestAuditShowAnswered(t *testing.T) {
	bot, key := testSigner(t, "bot")
	var asked string
	dir := logOf(t, func(at chain.At) []byte {
		r := call(t, bot, "read")(at)
		v, err := sign.ReadUnverified(r)
		if err != nil {
			t.Fatal(err)
		}
		asked = v.ID
		return r
	}, func(at chain.At) []byte {
		return receiptOf(t, bot, sign.Action{Tool: "read", ParentID: asked})(at)
	}, func(at chain.At) []byte {
		hash := event.HashOf([]byte("{}"))
		r, err := bot.Respond(sign.Response{Action: sign.Action{Tool: "read"}, ParamsHash: hash, RequestID: asked,
			Requested: at.Time, Responded: at.Time, ContentHash: hash, Outcome: sign.Outcome{Status: "executed"}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Record
	})
	status, out, errs := run(t, "audit", "show", asked, "--home", dir, "--pubkey", key)
	if status != 0 || strings.Count(out, "  response   executed after 0s (") != 1 || strings.Count(out, "  retried    as (rec_") != 1 {
		t.Errorf("exit status %d: %s%s", status, out, errs)
	}
	var shown struct{ Responses, Retries []shownRecord }
	_, out, _ = run(t, "audit", "show", asked, "--home", dir, "--json")
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Responses) != 1 || len(shown.Retries) != 1 || !shown.Retries[0].Fits {
		t.Errorf("%v: %s", err, out)
	}
}
