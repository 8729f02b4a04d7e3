package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/archive"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// oldLog is a home with a log of 40 days, of the last 300.
func oldLog(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	if err := testlog.Write(home, oldLogOptions()); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := run(t, "identity", "generate", "--name", "default", "--unencrypted", "--home", home); status != 0 {
		t.Fatal(errs)
	}
	return home
}

func oldLogOptions() testlog.Options {
	return testlog.Options{Records: 40, Start: time.Now().AddDate(0, 0, -300), Batch: 1, Span: 299 * 24 * time.Hour}
}

func ago(days int) string { return time.Now().UTC().AddDate(0, 0, -days).Format(time.DateOnly) }

// archived runs audit archive, which must end with status.
func archived(t *testing.T, home string, status int, args ...string) (out string) {
	t.Helper()
	got, out, errs := run(t, append([]string{"audit", "archive", "--home", home}, args...)...)
	if got != status {
		t.Fatalf("archive %v: status %d, want %d: %s%s", args, got, status, out, errs)
	}
	return out + errs
}

// must verifies, and the status must be that one.
func must(t *testing.T, what, home string, status int, args ...string) verify.Log {
	t.Helper()
	f, got := verified(t, home, args...)
	if got != status {
		t.Fatalf("%s: status %d, want %d: %+v\n%+v", what, got, status, f, f.Completeness.Archived)
	}
	return f
}

func TestArchiveCompress(t *testing.T) {
	home := oldLog(t)
	before := must(t, "before", home, 0)
	if out := archived(t, home, 0, "--until", "30d"); !strings.Contains(out, "within the retention") || strings.Count(out, "\n") < 30 {
		t.Errorf("listed: %s", out)
	}
	archived(t, home, 0, "--until", "30d", "--compress")
	after := must(t, "compressed", home, 0)
	if after.Records != before.Records+1 {
		t.Errorf("%d records, want one more than %d", after.Records, before.Records)
	}
	if gz, _ := filepath.Glob(filepath.Join(home, "audit", "*.gz")); len(gz) < 30 {
		t.Errorf("%d days compressed", len(gz))
	}
	archived(t, home, 0, "--until", "30d", "--compress") // again: nothing changes but for another event
	must(t, "compressed twice", home, 0)
	archived(t, home, 0, "--until", "200d", "--delete")
	f := must(t, "deleted", home, 3)
	if a := f.Completeness.Archived; a == nil || a.Days < 10 || len(a.Events) != 1 || a.Young != 0 || a.Events[0].Name != "default" {
		t.Errorf("%+v", a)
	}
	status, out, _ := run(t, "verify", "--chain", "--home", home)
	if !strings.Contains(out, f.Completeness.Archived.Events[0].ID) || status != 3 {
		t.Errorf("it does not say what accepts it: %s", out)
	}
	must(t, "accepted", home, 0, "--accept", f.Completeness.Archived.Events[0].ID)
	archived(t, home, 0, "--until", "190d", "--delete") // further days
	f = must(t, "more deleted", home, 3)
	if a := f.Completeness.Archived; len(a.Events) != 2 {
		t.Errorf("%+v", a)
	}
	must(t, "one of two accepted", home, 3, "--accept", f.Completeness.Archived.Events[0].ID)
	must(t, "both accepted", home, 0, "--accept", f.Completeness.Archived.Events[0].ID, "--accept", f.Completeness.Archived.Events[1].ID)
}

func TestArchiveMove(t *testing.T) {
	home := oldLog(t)
	to := filepath.Join(t.TempDir(), "elsewhere")
	archived(t, home, 2, "--until", "200d", "--to", to, "--delete")
	archived(t, home, 2, "--to", to)
	if out := archived(t, home, 1, "--until", "30d", "--to", to); !strings.Contains(out, "retention of 180 days") {
		t.Error(out)
	}
	must(t, "refused", home, 0)
	archived(t, home, 0, "--until", ago(200), "--to", to)
	f := must(t, "moved", home, 3)
	audit := filepath.Join(home, "audit")
	both := must(t, "with the other directory", home, 0, "--log", audit, "--log", to)
	if both.Records != f.Records+f.Completeness.Archived.Records || both.Completeness.Archived != nil {
		t.Errorf("%d records of %d and %d", both.Records, f.Records, f.Completeness.Archived.Records)
	}
	// Without the event, and the ends: what was never archived is damage.
	id := f.Completeness.Archived.Events[0].ID
	ends, _ := filepath.Glob(filepath.Join(audit, "*.ends"))
	if len(ends) != f.Completeness.Archived.Days {
		t.Fatalf("%d ends", len(ends))
	}
	try := func(what string, status int, change func(copy string), args ...string) {
		t.Helper()
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(home)); err != nil {
			t.Fatal(err)
		}
		change(filepath.Join(copied, "audit"))
		must(t, what, copied, status, append(args, "--accept", id)...)
	}
	remove := func(path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(path string, offset int) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[offset] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := func(i int) string { return filepath.Base(ends[i]) }
	try("accepted", 0, func(string) {})
	try("ends edited", 1, func(d string) { edit(filepath.Join(d, base(3)), 20) })
	try("an offset in the ends edited", 1, func(d string) { edit(filepath.Join(d, base(3)), 7) })
	try("ends cut", 1, func(d string) { os.Truncate(filepath.Join(d, base(3)), 10) })
	try("first ends gone", 1, func(d string) { remove(filepath.Join(d, base(0))) })
	try("last ends gone", 1, func(d string) { remove(filepath.Join(d, base(len(ends)-1))) })
	try("all ends gone", 1, func(d string) {
		for i := range ends {
			remove(filepath.Join(d, base(i)))
		}
	})
	days, _ := filepath.Glob(filepath.Join(audit, "*.jsonl"))
	slices.Sort(days)
	try("a young day gone, without an event", 1, func(d string) { remove(filepath.Join(d, filepath.Base(days[0]))) })
	try("the event gone", 1, func(d string) { remove(filepath.Join(d, filepath.Base(days[len(days)-1]))) })
	try("an old day is back, changed", 1, func(d string) {
		name := strings.TrimSuffix(base(len(ends)-1), ".ends") + ".jsonl"
		b, err := os.ReadFile(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(d, name), []byte(strings.Replace(string(b), "alice", "mallo", 1)), 0o600)
	})
}

// Whoever has the account has the key, and can sign any event. None of it ends in
// "valid".
func TestArchiveAttacks(t *testing.T) {
	home := oldLog(t)
	audit := filepath.Join(home, "audit")
	days, err := archive.Days(audit, time.Now())
	if err != nil || len(days) < 30 {
		t.Fatal(err)
	}
	events := func(t *testing.T, home string, all ...event.Event) {
		t.Helper()
		signer, err := sign.NewSigner(testlog.Key(), "testlog", "nobody")
		if err != nil {
			t.Fatal(err)
		}
		l := chain.New(filepath.Join(home, "audit"), chain.Options{})
		defer l.Close()
		if _, err := l.Append(len(all), func(i int, at chain.At) ([]byte, error) {
			r, err := signer.Event(all[i], at.Time, at.Prev)
			return r.Record, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	// take archives by its own means: whatever is asked, and of any age.
	take := func(t *testing.T, home string, until int, change func(*event.Archived)) {
		t.Helper()
		_, err := archive.Run(t.Context(), archive.Options{Dir: filepath.Join(home, "audit"), Until: days[until].File, Action: archive.Delete,
			Sign: func(e event.Event) error {
				a := e.(event.Archived)
				change(&a)
				events(t, home, a)
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	none := func(*event.Archived) {}
	for name, x := range map[string]struct {
		status int
		do     func(t *testing.T, home string)
	}{
		"young days, with an event": {1, func(t *testing.T, home string) { take(t, home, len(days)-2, none) }},
		"deleted, called compressed": {1, func(t *testing.T, home string) {
			take(t, home, 5, func(a *event.Archived) { a.Action = "compressed" })
		}},
		"another number of records": {1, func(t *testing.T, home string) { take(t, home, 5, func(a *event.Archived) { a.Records-- }) }},
		"an event that covers less": {1, func(t *testing.T, home string) {
			take(t, home, 5, func(a *event.Archived) { a.Files = a.Files[:3] })
		}},
		"an event with a negative size": {1, func(t *testing.T, home string) { take(t, home, 5, func(a *event.Archived) { a.Before = -5 }) }},
		"without files":                 {1, func(t *testing.T, home string) { take(t, home, 5, func(a *event.Archived) { a.Files = nil }) }},
		"old days, with a right event":  {3, func(t *testing.T, home string) { take(t, home, 5, none) }},
		"and a new epoch": {3, func(t *testing.T, home string) {
			take(t, home, 5, none)
			events(t, home, event.NewEpoch{Origin: "x", Size: 3, Root: "AAAA", Reason: "none"})
		}},
		"in two steps, the first too early": {1, func(t *testing.T, home string) {
			take(t, home, len(days)-3, none)
			take(t, home, len(days)-2, none)
		}},
		"rewritten without the archived records": {1, func(t *testing.T, home string) {
			take(t, home, 5, none)
			for _, d := range days[:6] {
				os.Remove(filepath.Join(home, "audit", chain.EndsFile(d.File)))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(home)); err != nil {
				t.Fatal(err)
			}
			x.do(t, copied)
			must(t, name, copied, x.status)
		})
	}
}
