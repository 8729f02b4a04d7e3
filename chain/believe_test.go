package chain

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// believing is a Check that believes what has a member "sig": a stand-in for
// signatures by a known key.
func believing(receipt []byte, _ Hash) Checked[struct{}] {
	r := record{receipt: receipt}
	e, _ := event.Decode(receipt)
	return Checked[struct{}]{Believed: r.members("sig")[0] != nil, Time: r.dayTime(), Event: e}
}

// lossy is a log of which a writer noticed that two records were gone, with a
// torn line beside it.
func lossy(t *testing.T) (dir, day string) {
	t.Helper()
	dir, day = t.TempDir(), dayFile(day0)
	l := New(dir, Options{NoSync: true, Now: (&clock{day0}).now, Event: func(e event.Event, at At) ([]byte, error) {
		return event.Unsigned(event.Other{Kind: e.Type(), Rest: append(e.Members(), event.Member{Name: "sig", Value: []byte(`"x"`)})}, at.Time)
	}})
	defer l.Close()
	add(t, l, "a")
	size := len(read(t, dir, day))
	add(t, l, "b", "c")
	if err := os.Truncate(filepath.Join(dir, day), int64(size)); err != nil {
		t.Fatal(err)
	}
	add(t, l, "d")
	l.Close()
	write(t, append(read(t, dir, day), `{"half":`...), dir, day)
	add(t, l, "e")
	return dir, day
}

// told is what a report says of a log, in words.
func told(t *testing.T, dir string) string {
	t.Helper()
	r, err := verifyDir(context.Background(), dir, VerifyOptions[struct{}]{Check: believing})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d damaged, first %v, last %v, quarantined %+v, breaks %+v", r.Damaged, r.First, r.Last, r.Quarantined, r.Breaks)
}

// However a line is spelled, it says what was hashed and signed, or it is damage.
func TestRespelledEvents(t *testing.T) {
	dir, day := lossy(t)
	was, text := told(t, dir), string(read(t, dir, day))
	if !strings.Contains(was, "1 damaged") || !strings.Contains(was, "Recorded:true Kept:true") {
		t.Fatal(was)
	}
	escaped := func(s string) string { return fmt.Sprintf(`\u%04x`, s[0]) + s[1:] }
	for _, c := range [][2]string{
		{`"log_damaged"`, `"` + escaped("log_damaged") + `"`},
		{`"torn_line"`, `"torn\u005Fline"`},
		{`"type":`, `"` + escaped("type") + `":`},
		{`"type":`, `"type" : `},
		{`"type":`, "\t\"type\":\r"},
		{`"found":`, `"` + escaped("found") + `":`},
		{`"found":"sha256:`, `"found":"sha256\u003a`},
		{`"kept":"2`, `"kept":"\u0032`},
		{`"hash":"sha256:`, `"hash":"\u0073ha256:`},
		{`"expected":"sha256:`, `"expected": "sha25\u0036:`},
		{`"v":1}`, `"v":1.0}`},
		{`"v":1}`, `"v":10e-1}`},
		{`"receipt":`, `"r\u0065ceipt":`},
		{`{"receipt":`, ` { "receipt":`},
		{`"prev_hash":"sha256:`, `"prev_hash":"sh\u0061256:`},
		{`"record_hash":"s`, `"record_hash":"\u0073`},
	} {
		changed := strings.ReplaceAll(text, c[0], c[1])
		if changed == text {
			t.Fatalf("%s is not there", c[0])
		}
		write(t, []byte(changed), dir, day)
		if got := told(t, dir); got != was {
			t.Errorf("%s as %s:\n%s\nwant\n%s", c[0], c[1], got, was)
		}
	}
	// What a reader that folds case, or takes the last of two, would read
	// otherwise is damage.
	for _, c := range [][2]string{
		{`"type":"log_damaged"`, `"type":"log_damaged","type":"note"`},
		{`"type":"log_damaged"`, `"type":"note","Type":"log_damaged"`},
		{`"type":"log_damaged"`, `"Type":"log_damaged"`},
		{`"found":`, `"Found":"","found":`},
	} {
		write(t, []byte(strings.ReplaceAll(text, c[0], c[1])), dir, day)
		if got := told(t, dir); strings.Contains(got, "0 damaged") || got == was {
			t.Errorf("%s as %s: %s", c[0], c[1], got)
		}
	}
}

// appendOne puts a record after the last one, as any program of the user can.
func appendOne(t *testing.T, dir, file, receipt string) {
	t.Helper()
	c, err := canon.Canonicalize([]byte(receipt))
	if err != nil {
		t.Fatal(err)
	}
	var last Hash
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		last = e.RecordHash
	}
	line, _ := appendRecord(nil, c, last)
	before, _ := os.ReadFile(filepath.Join(dir, file))
	write(t, append(before, line...), dir, file)
}

// What is not believed is a record like any, and says nothing.
func TestOnlyBelieved(t *testing.T) {
	dir, day := lossy(t)
	was := told(t, dir)
	var kept string
	for _, name := range verify(t, dir).Quarantined {
		kept = name.File
	}
	write(t, []byte("nothing to see here"), dir, kept)
	replaced := told(t, dir)
	if replaced == was {
		t.Fatal("the torn line was replaced, and it does not show")
	}
	for _, receipt := range []string{
		`{"ts":"9999-12-31T00:00:00.000Z","type":"note","v":1}`,
		`{"ts":"1970-01-01T00:00:00.000Z","v":1}`,
		`{"file":"` + day + `","hash":"` + sumOf([]byte("nothing to see here")).String() + `","kept":"` + kept + `","length":19,"offset":1,"ts":"2026-06-01T12:00:00.000Z","type":"torn_line","v":1}`,
		`{"expected":"` + genesis.String() + `","file":"x","found":"` + genesis.String() + `","offset":1,"reason":"","ts":"2026-06-01T12:00:00.000Z","type":"log_damaged","v":1}`,
	} {
		appendOne(t, dir, day, receipt)
		if got := told(t, dir); got != replaced {
			t.Errorf("%s:\n%s\nwant\n%s", receipt, got, replaced)
		}
	}
}

// A log that an editor on Windows has saved is read, or its encoding is named.
func TestWindowsText(t *testing.T) {
	dir := makeLog(t, 3)
	day := dayFile(day0)
	text := read(t, dir, day)
	write(t, append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...), dir, day)
	mustBeWhole(t, dir, 3)
	if got := ids(t, dir); got != "0 1 2" {
		t.Errorf("records %q", got)
	}
	for e, err := range backward(dir) {
		if err != nil || e.Check() != nil {
			t.Errorf("%s: %v, %v", e.Raw, err, e.Check())
		}
	}
	wide := []byte("\xff\xfe")
	for _, c := range text {
		wide = append(wide, c, 0)
	}
	for _, wide := range [][]byte{wide, wide[2:], append([]byte("\xfe\xff\x00"), wide[2:len(wide)-1]...)} {
		write(t, wide, dir, day)
		if r := verify(t, dir); len(r.Breaks) == 0 || !strings.Contains(r.Breaks[0].Detail, "UTF-16") {
			t.Errorf("%+v", r.Breaks)
		}
	}
}

// A sparse file of terabytes is refused, in both directions, and not read to its
// end; and whoever waits can end it.
func TestSparse(t *testing.T) {
	if testing.Short() {
		t.Skip("large files, one goroutine: nothing for the race detector")
	}
	dir := makeLog(t, 3)
	day := filepath.Join(dir, dayFile(day0))
	for _, size := range []int64{1 << 31, 1 << 42} {
		if err := os.Truncate(day, size); err != nil {
			cannot(t, err)
		}
		r := verify(t, dir)
		if r.Records != 3 || len(r.Breaks) != 1 || r.Breaks[0].Kind != Malformed {
			t.Errorf("%d bytes: %+v", size, r)
		}
		for _, err := range backward(dir) {
			if _, bad := err.(*LineError); !bad {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := verifyDir(ctx, dir, VerifyOptions[struct{}]{}); err == nil {
		t.Error("it was not ended")
	}
}

// Torn lines beside the log are counted without being read, unless an event tells
// of one of this length: anybody may put large files there.
func TestPlantedTornLines(t *testing.T) {
	dir := makeLog(t, 1)
	for i := range 300 {
		name := filepath.Join(dir, fmt.Sprintf("%s.torn-%d", dayFile(day0), i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, 1<<40); err != nil {
			cannot(t, err)
		}
	}
	r := verify(t, dir)
	if len(r.Quarantined) != 300 || r.Quarantined[0].Recorded || r.Damaged != 0 {
		t.Errorf("%d quarantined, %+v", len(r.Quarantined), r.Quarantined[0])
	}
}

// cannot ends a test that this machine cannot run. On CI that is a failure: there,
// nothing is left untested silently.
func cannot(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}
