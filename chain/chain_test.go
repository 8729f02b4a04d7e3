package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// day0 is the day on which tests happen.
var day0 = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// receipt is a canonical receipt as far as this package looks at one.
func receipt(id string, now time.Time) []byte {
	return fmt.Appendf(nil, `{"action":{"params":{"q":"é","type":"x"},"tool":"echo"},"id":"rec_%s","ts":"%s","v":1}`,
		id, now.Format(event.TimeForm))
}

// clock is a hand-moved one.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newLog(t testing.TB, dir string, c *clock) *Log {
	t.Helper()
	l := New(dir, Options{NoSync: true, Now: c.now})
	t.Cleanup(func() { l.Close() })
	return l
}

// add appends one receipt for each id.
func add(t testing.TB, l *Log, ids ...string) {
	t.Helper()
	_, err := l.Append(len(ids), func(i int, at At) ([]byte, error) { return receipt(ids[i], at.Time), nil })
	if err != nil {
		t.Fatal(err)
	}
}

// oneReceipt is a build for Append.
func oneReceipt(id string) func(int, At) ([]byte, error) {
	return func(_ int, at At) ([]byte, error) { return receipt(id, at.Time), nil }
}

// makeLog makes a log of n records, a second apart, the last one a second before
// day0, and returns its folder.
func makeLog(t testing.TB, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	c := &clock{day0.Add(-time.Duration(n) * time.Second)}
	l := newLog(t, dir, c)
	for i := range n {
		add(t, l, fmt.Sprint(i))
		c.Time = c.Add(time.Second)
	}
	l.Close()
	return dir
}

func verify(t testing.TB, dir string) *Report {
	t.Helper()
	r, err := verifyDir(context.Background(), dir, VerifyOptions[struct{}]{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustBeWhole checks that the log has no damage and n records, and returns the
// report.
func mustBeWhole(t testing.TB, dir string, n int64) *Report {
	t.Helper()
	r := verify(t, dir)
	if r.Damaged != 0 || len(r.Breaks) != 0 || r.Torn != nil {
		t.Fatalf("damaged: %+v, torn: %+v", r.Breaks, r.Torn)
	}
	for _, s := range r.Quarantined {
		if !s.Kept || !s.Recorded {
			t.Fatalf("a torn line is not accounted for: %+v", s)
		}
	}
	if r.Records != n {
		t.Fatalf("%d records, want %d", r.Records, n)
	}
	return r
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, b []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dayFiles are the contents of a log's day files, one after the other.
func dayFiles(t testing.TB, dir string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range names {
		all = append(all, read(t, name)...)
	}
	return all
}

// The reference's own log verifies, with the head that the reference gave, and
// can be continued.
func TestForeignLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/log/audit")); err != nil {
		t.Fatal(err)
	}
	var head struct {
		Records int64
		Head    Hash
	}
	if err := json.Unmarshal(read(t, "testdata/log/head.json"), &head); err != nil {
		t.Fatal(err)
	}
	r := mustBeWhole(t, dir, head.Records)
	if r.Head != head.Head {
		t.Errorf("head %s, want %s", r.Head, head.Head)
	}
	if got, want := r.First.Format(event.TimeForm), "2026-05-01T10:00:00.000Z"; got != want {
		t.Errorf("first %s, want %s", got, want)
	}

	before := dayFiles(t, dir)
	c := &clock{time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	l := newLog(t, dir, c)
	add(t, l, "same day")
	c.Time = day0
	add(t, l, "another day")
	r = mustBeWhole(t, dir, head.Records+2)
	if len(r.Files) != 4 || !r.Last.Equal(day0) {
		t.Errorf("files %v, last %v", r.Files, r.Last)
	}
	if !bytes.HasPrefix(dayFiles(t, dir), before) {
		t.Error("what the reference wrote was changed")
	}
}

// New makes nothing; Append makes the directory, the files and their modes.
func TestMadeByAppend(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home", "audit")
	c := &clock{day0}
	l := newLog(t, dir, c)
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Fatal("New made the directory")
	}
	add(t, l, "a", "b")
	add(t, l, "c")
	mustBeWhole(t, dir, 3)
	modes := map[string]fs.FileMode{".": 0o700, "2026-06-01.jsonl": 0o600, ".lock": 0o600, "2026-06-01.jsonl.lock": 0o600}
	for name, want := range modes {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Mode().Perm(); got != want && !onWindows {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// mustSay checks that err is an error that contains text.
func mustSay(t testing.TB, what string, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: error %v, want one with %q", what, err, text)
	}
}

// verifyDir takes a snapshot of a log and verifies it.
func verifyDir[R any](ctx context.Context, dir string, o VerifyOptions[R]) (*Report, error) {
	s, err := TakeSnapshot(dir)
	if err != nil {
		return nil, err
	}
	return Verify(ctx, s, o)
}

// records are those of a log as it is now; an error if it cannot be looked at.
func records(dir string, o ReadOptions) iter.Seq2[Entry, error] {
	s, err := TakeSnapshot(dir)
	if err != nil {
		return func(yield func(Entry, error) bool) { yield(Entry{}, err) }
	}
	return s.Records(context.Background(), o)
}

func scan(dir string) iter.Seq2[Entry, error]     { return records(dir, ReadOptions{}) }
func backward(dir string) iter.Seq2[Entry, error] { return records(dir, ReadOptions{Backward: true}) }

// failed is the error of an append.
func failed(_ []Written, err error) error { return err }
