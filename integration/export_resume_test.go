package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// recordHash is where a line of the log ends, as it is and within a text of JSON.
var recordHash = regexp.MustCompile(`"record_hash\\?":\\?"(sha256:[0-9a-f]{64})`)

// An export that is killed at any time goes on where it was, in every format: in what it has
// written no record is left out, and none comes before the one that it follows.
func TestExportResumes(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"records", "otlp", "syslog"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "out")
			x := newExporting(t, 600, format, file, nil)
			l := chain.New(filepath.Join(x.home, "audit"), chain.Options{NoSync: true})
			defer l.Close()
			size := func() int64 {
				st, err := os.Stat(file)
				if err != nil {
					return 0
				}
				return st.Size()
			}
			for round := range 8 {
				before := size()
				x.startExport()
				for end := time.Now().Add(patience); round%4 != 0 && size() == before && time.Now().Before(end); {
					time.Sleep(time.Duration(round) * time.Millisecond)
				}
				x.killExport()
				if _, err := l.Append(300, func(i int, _ chain.At) ([]byte, error) {
					return fmt.Appendf(nil, `{"action":{"tool":"t%d"},"round":%d,"v":9}`, i, round), nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			x.startExport()
			x.arrived(file)
			x.killExport()
			places := map[string]int{}
			for e, err := range testlog.Records(filepath.Join(x.home, "audit")) {
				if err != nil {
					t.Fatal(err)
				}
				places[e.RecordHash.String()] = len(places)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			next := 0
			for i, m := range recordHash.FindAllSubmatch(b, -1) {
				place, ok := places[string(m[1])]
				if !ok || place > next {
					t.Fatalf("record %d of what was exported is %d of the log, after %d", i, place, next-1)
				}
				next = max(next, place+1)
			}
			if next != len(places) {
				t.Errorf("%d of %d records", next, len(places))
			}
			if bytes.Count(b, []byte{'\n'}) == 0 || b[len(b)-1] != '\n' {
				t.Error("the file does not end with a line")
			}
			if format == "records" {
				return
			}
			if r, status := x.verify(file); status != 3 || r.Completeness != "whole" || r.Records != int64(len(places)) || r.Damaged > 0 {
				t.Errorf("status %d, %+v", status, r)
			}
		})
	}
}
