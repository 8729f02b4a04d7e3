package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
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
