package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// TestReportHeads: the heads in a report read as what journalctl printed.
func TestReportHeads(t *testing.T) {
	want := systemlog.Entry{Message: []byte(`signet-wrap: {"type":"head","x":"é\n\u0001"}`), Time: time.UnixMicro(1779876543210987).UTC(), UID: "1000", Trusted: true}
	line := headLine(want)
	if bytes.Count(line, []byte("\n")) != 1 {
		t.Fatalf("%q", line)
	}
	got, journal := systemlog.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
	if !journal || !bytes.Equal(got.Message, want.Message) || !got.Time.Equal(want.Time) || got.UID != want.UID || !got.Trusted || got.Host != "" {
		t.Errorf("%+v, %v", got, journal)
	}
}

// twoForms is a system's log as files have it: journalctl's, and syslog's.
type twoForms struct{ journal, syslog bytes.Buffer }

func (*twoForms) To() string { return "journald" }

func (k *twoForms) Send(identifier string, message []byte) error {
	line, err := json.Marshal(map[string]string{"MESSAGE": string(message), "SYSLOG_IDENTIFIER": identifier, "_UID": "1000", "_MACHINE_ID": "x",
		"__REALTIME_TIMESTAMP": strconv.FormatInt(time.Now().UnixMicro(), 10)})
	k.journal.Write(append(line, '\n'))
	fmt.Fprintf(&k.syslog, "Nov 30 01:02:03 host %s[1]: %s\n", identifier, message)
	return err
}

// TestReportAgainst: what a system's log has kept goes into a report of the whole log, and
// is compared with it; and so is what who verifies has from elsewhere. What says that
// nothing contradicts the log, does not say that somebody saw it.
func TestReportAgainst(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	var system twoForms
	sign := func() {
		t.Helper()
		var out bytes.Buffer
		s := logless(System{Stdin: os.Stdin, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }})
		s.OpenLog = func() systemlog.Sender { return &system }
		if status := Main([]string{"signet-wrap", "sign", "--tool", "pay", "--home", home}, s); status != 0 {
			t.Fatal(&out)
		}
	}
	if status, _, errs := run(t, "identity", "generate", "--name", "default", "--unencrypted", "--home", home); status != 0 {
		t.Fatal(errs)
	}
	for range 5 {
		sign()
	}
	in := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if content != nil {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	journal, syslog := in("journal", system.journal.Bytes()), in("syslog", system.syslog.Bytes())
	foreign := in("foreign.zip", []byte("PK\x03\x04"+strings.Repeat("\x00", 26)+"../../etc/passwd"))
	none, head := in("none", []byte("Nov 30 01:02:03 host x[1]: hello\n")), must(t, "whole", home, 0).Head
	report := func(name string, status int, args ...string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if got, _, errs := run(t, append([]string{"audit", "report", "--home", home, "--output", file}, args...)...); got != status {
			t.Fatalf("%q: status %d: %s", args, got, errs)
		}
		return file
	}
	bare, own, line := report("bare.zip", 0), report("own.zip", 0, "--against", journal), report("line.zip", 0, "--against", syslog)
	part := report("part.zip", 0, "--since", "1h")
	report("partly.zip", 2, "--since", "1h", "--against", journal)
	report("none.zip", 2, "--against", none)
	days, err := filepath.Glob(filepath.Join(home, "audit", "*.jsonl"))
	if err != nil || len(days) == 0 {
		t.Fatal(err)
	}
	day := slices.Max(days)
	all, err := os.ReadFile(day)
	if err == nil {
		err = os.WriteFile(day, all[:bytes.LastIndexByte(all[:len(all)-1], '\n')+1], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cut, cutOwn := report("cut.zip", 0), report("cutown.zip", 0, "--against", syslog)
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{0, "valid by itself: the log is unbroken; nothing here shows that others saw it bundle ", []string{bare}},
		{0, "valid by itself: the log is unbroken; that others saw it is the word of its maker bundle ", []string{own}},
		{0, "its own heads anchored up to record 5", []string{own}},
		{0, "its own heads anchored up to record 5", []string{line}},
		{0, "valid: the log is unbroken; 5 records were seen by " + journal + " bundle ", []string{bare, "--against", journal}},
		{0, "valid: ", []string{bare, "--against", syslog}},
		{0, "1 of 1 kept record in the log", []string{bare, "--against", head}},
		{0, "valid: ", []string{bare, "--against", journal, "--require", "system-log"}},
		{3, "unconfirmed: ", []string{bare, "--require", "system-log"}},
		{1, "tampered: ", []string{cut, "--against", journal}},
		{1, "not what it saw", []string{cut, "--against", syslog}},
		{1, "not in the log, and somebody kept it: " + head, []string{cut, "--against", head}},
		{0, "valid by itself: ", []string{cut}},
		{1, "tampered: ", []string{cutOwn}},
		{0, ", accepted", []string{cutOwn, "--accept", "ID"}},
		{2, "it has neither heads nor receipts", []string{bare, "--against", none}},
		{2, "--against goes with a bundle of the whole log: this is a range", []string{part, "--against", journal}},
		{2, "--require system-log goes with a bundle of the whole log", []string{part, "--require", "system-log"}},
		{0, "that the log had 5 records is the word of who signed the bundle", []string{part}},
		{2, "foreign.zip: it is a zip file, and no report", []string{foreign}},
		{2, "--accept \"x\" is none", []string{bare, "--accept", "x"}},
		{2, "--online does not go with a bundle: witnesses say how long the log is now", []string{bare, "--online"}},
		{2, "--store does not go with a bundle", []string{bare, "--store", dir}},
		{2, "--remember does not go with a bundle", []string{bare, "--accept", head, "--remember"}},
	} {
		if i := slices.Index(c.args, "ID"); i > 0 {
			_, out, _ := run(t, "verify", c.args[0], "--home", home, "--json")
			var f verify.Bundle
			if err := json.Unmarshal([]byte(out), &f); err != nil || f.Log.Completeness.Against[0].Accept == "" {
				t.Fatal(err, out)
			}
			c.args[i] = f.Log.Completeness.Against[0].Accept
		}
		status, out, errs := run(t, append([]string{"verify", "--home", home}, c.args...)...)
		if flat := strings.Join(strings.Fields(out+errs), " "); status != c.status || !strings.Contains(flat, c.says) {
			t.Errorf("%q: status %d, want %d and %q:\n%s%s", c.args, status, c.status, c.says, out, errs)
		}
	}
}

// TestReportArchived: of days that were archived a report has what the log has: the
// hashes of their records. So places in the log stay what they were.
func TestReportArchived(t *testing.T) {
	home := oldLog(t)
	archived(t, home, 0, "--until", "200d", "--to", t.TempDir())
	for kind, args := range map[string][]string{"log": nil, "range": {"--since", "100d"}, "selection": {"--tool", "write"}} {
		file := filepath.Join(t.TempDir(), "r.zip")
		if status, _, errs := run(t, append([]string{"audit", "report", "--home", home, "--output", file}, args...)...); status != 0 {
			t.Fatal(errs)
		}
		want := map[string]int{"log": 3, "range": 0, "selection": 0}[kind] // nobody outside has accepted that they are gone
		status, out, errs := run(t, "verify", file, "--home", home, "--json")
		var f verify.Bundle
		if err := json.Unmarshal([]byte(out), &f); err != nil {
			t.Fatal(err, errs)
		}
		if status != want || f.Placed != f.Records || string(f.Bundle) != kind || f.Size < 40 {
			t.Errorf("%s: status %d: %s", kind, status, out)
		}
	}
}
