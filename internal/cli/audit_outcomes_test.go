package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// outcomesHome is a home with a session of five calls: one executed, one failed,
// one listed as never answered, one that wants input, and one of which the log
// says nothing more. A hand-signed receipt stands behind them.
func outcomesHome(t *testing.T) (home, key string) {
	t.Helper()
	bot, key := testSigner(t, "bot")
	const session = "ses_0123456789abcdef0123456789abcdef"
	ids := map[string]string{}
	asked := func(tool string) func(chain.At) []byte {
		return func(at chain.At) []byte {
			d, err := bot.Prepare(sign.Action{Tool: tool, Target: "mcp://x", Session: session, Arguments: []byte(`{"n":1}`)})
			if err != nil {
				t.Fatal(err)
			}
			r, err := d.SignAt(at.Time, at.Prev)
			if err != nil {
				t.Fatal(err)
			}
			ids[tool] = r.ID
			return r.Record
		}
	}
	answered := func(tool string, o sign.Outcome, after time.Duration) func(chain.At) []byte {
		return func(at chain.At) []byte {
			r, err := bot.Respond(sign.Answer{
				Action: sign.Action{Tool: tool, Target: "mcp://x", Session: session}, ParamsHash: canon.Hash([]byte(`{"n":1}`)),
				RequestID: ids[tool], Requested: at.Time, Responded: at.Time.Add(after), ContentHash: canon.Hash([]byte("{}")), Outcome: o,
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
	if _, out, _ := run(t, "audit", "--home", home, "--failed", "--json"); strings.Count(out, "\n") != 2 || !strings.Contains(out, `"v":2`) {
		t.Errorf("failed, as JSON, the call and its answer: %s", out)
	}
	if _, out, _ := run(t, "audit", "--home", home, "--json"); strings.Count(out, "\n") != 11 {
		t.Errorf("all records as JSON: %s", out)
	}

	_, out, _ := run(t, "audit", "--home", home, "--tool", "gamma")
	id := strings.Fields(out)[len(strings.Fields(out))-2]
	if _, out, _ := run(t, "audit", "show", id, "--home", home, "--pubkey", key); !strings.Contains(out, "unanswered no response: the server ended (evt_") ||
		!strings.Contains(out, "\n  session    ses_") || strings.Count(out, "\n  session ") != 2 {
		t.Errorf("show: %s", out)
	}

	status, out, _ := run(t, "verify", "--chain", "--home", home, "--pubkey", key)
	for _, say := range []string{"1 call never answered", "1 call without an outcome"} {
		if status != exitOK || !strings.Contains(out, say) {
			t.Errorf("verify: exit status %d, %q is not in:\n%s", status, say, out)
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
	for e, err := range chain.Scan(filepath.Join(home, "audit"), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.Read(e.Receipt)
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
