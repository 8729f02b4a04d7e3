package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// outcomesHome is a home with a session of five calls: one executed, one failed,
// one listed as without a response, one that wants input, and one of which the log
// says nothing more. A hand-signed receipt comes after them.
func outcomesHome(t *testing.T) (home, key string) {
	t.Helper()
	bot, key := testSigner(t, "bot")
	const session = "ses_0123456789abcdef0123456789abcdef"
	ids := map[string]string{}
	asked := func(tool string) func(chain.At) []byte {
		action := sign.Action{Tool: tool, Target: "mcp://x", Session: session, Arguments: []byte(`{"n":1}`)}
		return receiptOf(t, bot, action, func(r *sign.Receipt) { ids[tool] = r.ID })
	}
	answered := func(tool string, o sign.Outcome, after time.Duration) func(chain.At) []byte {
		return func(at chain.At) []byte {
			r, err := bot.Respond(sign.Response{
				Action: sign.Action{Tool: tool, Target: "mcp://x", Session: session}, ParamsHash: event.HashOf([]byte(`{"n":1}`)),
				RequestID: ids[tool], Requested: at.Time, Responded: at.Time.Add(after), ContentHash: event.HashOf([]byte("{}")), Outcome: o,
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Record
		}
	}
	home = logOf(t,
		asked("alpha"), eventBy(t, bot, event.Session{Session: session}), asked("beta"), asked("gamma"), asked("delta"), asked("epsilon"),
		answered("alpha", sign.Outcome{Status: "executed"}, 1234*time.Millisecond),
		answered("beta", sign.Outcome{Status: "failed", Reason: "isError"}, 20*time.Millisecond),
		answered("delta", sign.Outcome{Status: "requires_approval", Reason: "input_required"}, 0),
		func(at chain.At) []byte {
			never := []event.Call{{ID: ids["gamma"], Reason: "the server ended"}}
			return eventBy(t, bot, event.Unanswered{Session: session, Calls: never})(at)
		},
		call(t, bot, "by-hand"),
	)
	return home, key
}

// TestAuditOutcomes: a call and its outcome are one line, read from either end, and
// can be asked for by outcome.
func TestAuditOutcomes(t *testing.T) {
	home, key := outcomesHome(t)
	rows := func(args ...string) string {
		_, out, _ := run(t, append([]string{"audit", "--home", home}, args...)...)
		var got []string
		for _, line := range strings.Split(out, "\n") {
			f := strings.Fields(line)
			if len(f) > 5 && f[0] != "TIME" {
				got = append(got, strings.Join(f[2:len(f)-1], " "))
			}
		}
		return strings.Join(got, "|")
	}
	const tail = " bot 01234567 "
	want := []string{"alpha x executed 1.2s", "beta x failed 20ms", "gamma x no response", "delta x wants input 0s", "epsilon x open", "by-hand"}
	cut := func(s string) string { // signer, session and id differ
		var out []string
		for _, r := range strings.Split(s, "|") {
			r, _, _ = strings.Cut(r, tail)
			r, _, _ = strings.Cut(r, " bot ")
			out = append(out, r)
		}
		return strings.Join(out, "|")
	}
	if got := cut(rows()); got != strings.Join(want, "|") {
		t.Errorf("all: %s", got)
	}
	if got := cut(rows("--limit", "6")); got != strings.Join(want, "|") {
		t.Errorf("from the end: %s", got)
	}
	if got := cut(rows("--limit", "2")); got != strings.Join(want[4:], "|") {
		t.Errorf("the last two: %s", got)
	}
	if got := cut(rows("--failed")); got != want[1] {
		t.Errorf("failed: %s", got)
	}
	if got := cut(rows("--open")); got != want[2]+"|"+want[4] {
		t.Errorf("open: %s", got)
	}
	if _, out, _ := run(t, "audit", "--home", home, "--failed", "--records"); strings.Count(out, "\n") != 2 || !strings.Contains(out, `"v":2`) {
		t.Errorf("failed, as records, the call and its answer: %s", out)
	}
	if _, out, _ := run(t, "audit", "--home", home, "--records"); strings.Count(out, "\n") != 11 {
		t.Errorf("all records: %s", out)
	}

	_, out, _ := run(t, "audit", "--home", home, "--tool", "gamma")
	id := strings.Fields(out)[len(strings.Fields(out))-2]
	if _, out, _ := run(t, "audit", "show", id, "--home", home, "--pubkey", key); !strings.Contains(out, "unanswered no response: the server ended (evt_") ||
		!strings.Contains(out, "\n  session    ses_") || strings.Count(out, "\n  session ") != 2 {
		t.Errorf("show: %s", out)
	}

	status, out, _ := run(t, "verify", "--chain", "--home", home, "--pubkey", key)
	for _, say := range []string{"1 call without a response", "1 call without an outcome"} {
		if status != exitOK || !strings.Contains(out, say) {
			t.Errorf("verify: exit status %d, %q is not in:\n%s", status, say, out)
		}
	}
}

// TestAuditFormsHaveTheRows: all forms of a list are about the same calls. JSON has an
// object for each, CSV a line, and of records there are the call and after it the
// response that counts.
func TestAuditFormsHaveTheRows(t *testing.T) {
	home, _ := outcomesHome(t)
	for _, args := range [][]string{
		{"--limit", "1"}, {"--limit", "2"}, {"--limit", "3"}, {"--limit", "4"}, {"--limit", "6"}, {"--limit", "99"},
		{"--failed"}, {"--open"}, {"--failed", "--limit", "1"}, {"--open", "--limit", "1"}, {"--tool", "a", "--limit", "2"},
	} {
		_, table, _ := run(t, append([]string{"audit", "--home", home}, args...)...)
		_, out, _ := run(t, append([]string{"audit", "--home", home, "--records"}, args...)...)
		file := filepath.Join(t.TempDir(), "export")
		_, _, _ = run(t, append([]string{"audit", "--home", home, "--export", file}, args...)...)
		if exported, err := os.ReadFile(file); err != nil || string(exported) != out {
			t.Errorf("%q: the export is another: %v", args, err)
		}
		var calls []string
		last := ""
		for line := range strings.Lines(out) {
			var r struct {
				Receipt struct {
					V      int
					ID     string
					Action struct {
						ParentID string `json:"parent_receipt_id"`
					}
				}
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r.Receipt.V == 2 {
				if r.Receipt.Action.ParentID != last {
					t.Errorf("%q: a response is not after its call", args)
				}
				continue
			}
			last = r.Receipt.ID
			calls = append(calls, last[4:12])
		}
		_, objects, _ := run(t, append([]string{"audit", "--home", home, "--json"}, args...)...)
		_, cells, _ := run(t, append([]string{"audit", "--home", home, "--csv", "--columns", "outcome,id"}, args...)...)
		var ids, lines []string
		for line := range strings.Lines(objects) {
			var x history.View
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatal(err)
			}
			ids, lines = append(ids, x.ID[4:12]), append(lines, string(x.Outcome)+","+x.ID+"\n")
		}
		if !slices.Equal(ids, calls) || cells != "outcome,id\n"+strings.Join(lines, "") {
			t.Errorf("%q: records of %q, objects of %q, and as CSV: %s", args, calls, ids, cells)
		}
		rows := strings.Split(strings.TrimSpace(table), "\n")[1:]
		if len(rows) != len(calls) {
			t.Fatalf("%q: %d rows, %d calls", args, len(rows), len(calls))
		}
		for i, row := range rows {
			if !strings.Contains(row, " "+calls[i]+" ") {
				t.Errorf("%q: row %d is not of %s: %s", args, i, calls[i], row)
			}
		}
	}
}

// What does not count is a row that says why, and says nothing of how the call
// ended.
func TestAuditDoubts(t *testing.T) {
	bot, _ := testSigner(t, "bot")
	other, _ := testSigner(t, "other")
	a := sign.Response{Action: sign.Action{Tool: "pay", Target: "mcp://x", Session: "ses_0123456789abcdef0123456789abcdef"}, ContentHash: event.HashOf([]byte("{}"))}
	respond := func(by *sign.Signer, status string) func(chain.At) []byte {
		return func(at chain.At) []byte {
			r := a
			r.Responded, r.Outcome.Status = at.Time, status
			receipt, err := by.Respond(r)
			if err != nil {
				t.Fatal(err)
			}
			return receipt.Record
		}
	}
	home := logOf(t,
		func(at chain.At) []byte {
			d, err := bot.Prepare(a.Action)
			if err != nil {
				t.Fatal(err)
			}
			r, err := d.SignAt(at.Time, at.Prev)
			if err != nil {
				t.Fatal(err)
			}
			a.ParamsHash, a.RequestID, a.Requested = d.ParamsHash(), r.ID, at.Time
			return r.Record
		},
		respond(other, "executed"),
		raw(`{"session":"`+a.Action.Session+`","ts":"2026-05-01T00:00:00.000Z","type":"unanswered","v":1}`),
		respond(bot, "failed"), respond(bot, "executed"),
		func(at chain.At) []byte {
			return []byte(strings.Replace(string(respond(bot, "executed")(at)), "executed", "verified", 1))
		},
		func(at chain.At) []byte {
			a.RequestID = "rec_" + strings.Repeat("0", 32)
			return respond(bot, "executed")(at)
		},
	)
	_, out, errs := run(t, "audit", "--home", home)
	rows := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{"TOOL", "failed", "disagrees", "unsigned", "further", "invalid", "no call"} {
		if i >= len(rows) || !strings.Contains(rows[i], " "+want+" ") || i > 1 && strings.Contains(rows[i], "executed") {
			t.Fatalf("row %d does not say %q: %s%s", i, want, out, errs)
		}
	}
}

// TestOrphans: an outcome whose call is not in the log is something missing.
func TestOrphans(t *testing.T) {
	home, key := outcomesHome(t)
	file, err := filepath.Glob(filepath.Join(home, "audit", "*.jsonl"))
	if err != nil || len(file) != 1 {
		t.Fatal(file, err)
	}
	var receipts []func(chain.At) []byte
	for e, err := range testlog.Records(filepath.Join(home, "audit")) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.ReadUnverified(e.Receipt)
		if err == nil && v.Version == 2 {
			receipts = append(receipts, raw(string(e.Receipt)))
		}
	}
	if err := os.RemoveAll(home); err != nil {
		t.Fatal(err)
	}
	alone := logOf(t, receipts...)
	status, out, _ := run(t, "verify", "--chain", "--home", alone, "--pubkey", key)
	if want := fmt.Sprintf("%d outcomes of calls that are not in the log", len(receipts)); status != exitUnconfirmed || !strings.Contains(out, want) {
		t.Errorf("exit status %d: %s", status, out)
	}
}
