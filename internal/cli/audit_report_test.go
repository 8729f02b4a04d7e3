package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/systemlog"
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
