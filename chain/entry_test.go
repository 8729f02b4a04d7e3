package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// Both directions give the same records, at their places.
func TestScanBackward(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/log/audit")); err != nil {
		t.Fatal(err)
	}
	var forward, backward []string
	place := func(e Entry) string {
		if at := read(t, dir, e.File)[e.Offset:]; !bytes.HasPrefix(at, append(e.Raw, '\n')) {
			t.Errorf("%s:%d is not at byte %d", e.File, e.Line, e.Offset)
		}
		var stored struct{ Receipt json.RawMessage }
		if json.Unmarshal(e.Raw, &stored) != nil {
			t.Errorf("%s:%d: %.300s", e.File, e.Line, e.Raw)
		}
		if c, err := canon.Canonicalize(stored.Receipt); err != nil || !bytes.Equal(c, e.Receipt) || !e.Canonical {
			t.Errorf("%s:%d: receipt %.300s", e.File, e.Line, e.Receipt)
		}
		return fmt.Sprint(e.File, e.Offset, e.PrevHash, e.RecordHash)
	}
	line := 0
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if line = line%7 + 1; e.Line != line {
			t.Errorf("line %d, want %d", e.Line, line)
		}
		forward = append(forward, place(e))
	}
	for e, err := range records(dir, ReadOptions{Backward: true}) {
		if err != nil {
			t.Fatal(err)
		}
		backward = append(backward, place(e))
	}
	slices.Reverse(backward)
	if len(forward) != 21 || !slices.Equal(forward, backward) {
		t.Errorf("forward %d records, backward %d", len(forward), len(backward))
	}
}

// Neither opens days before since.
func TestSince(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/log/audit")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2026-05-01.jsonl"), []byte("unreadable"), 0o600); err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 5, 2, 23, 0, 0, 0, time.UTC)
	for name, seq := range map[string]func(func(Entry, error) bool){"scan": records(dir, ReadOptions{Since: since}), "backward": records(dir, ReadOptions{Since: since, Backward: true})} {
		n := 0
		for _, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 14 {
			t.Errorf("%s: %d records, want 14", name, n)
		}
	}
}

// The only day file is read whatever it is called.
func TestSinceRenamed(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/log/audit/2026-05-02.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2020-01-01.jsonl"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range records(dir, ReadOptions{Since: time.Date(2026, 5, 2, 23, 0, 0, 0, time.UTC)}) {
		n++
	}
	if n != bytes.Count(b, []byte("\n")) {
		t.Errorf("%d records", n)
	}
}

func TestEntryCheck(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/log/audit")); err != nil {
		t.Fatal(err)
	}
	for e, err := range scan(dir) {
		if err == nil {
			err = e.Check()
		}
		if err != nil {
			t.Fatal(err)
		}
		e.Raw = bytes.Replace(e.Raw, []byte("tool"), []byte("took"), 1)
		mustSay(t, "edited", e.Check(), "but its contents have")
	}
}

// A line that is no record comes as a LineError, and the loop goes on.
func TestScanUnreadable(t *testing.T) {
	dir := makeLog(t, 3)
	day := dayFile(day0)
	lines := strings.SplitAfter(string(read(t, dir, day)), "\n")
	write(t, []byte(lines[0]+"\n junk \n"+lines[1]+"{}\n"+lines[2]), dir, day)
	for name, seq := range map[string]func(func(Entry, error) bool){"scan": scan(dir), "backward": backward(dir)} {
		var got []string
		for e, err := range seq {
			var bad *LineError
			switch {
			case errors.As(err, &bad):
				if bad.File != day || bad.Offset != e.Offset || bad.Reason == "" {
					t.Errorf("%s: %+v", name, bad)
				}
				got = append(got, string(e.Raw))
			case err != nil:
				t.Fatal(err)
			default:
				got = append(got, "ok")
			}
		}
		if name == "backward" {
			slices.Reverse(got)
		}
		if want := []string{"ok", " junk ", "ok", "{}", "ok"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Readers see the log as it was when they began.
func TestSnapshot(t *testing.T) {
	dir := makeLog(t, 2)
	l := newLog(t, dir, &clock{day0})
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, "late")
	n := 0
	for _, err := range s.Records(t.Context(), ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		add(t, l, "later")
	}
	if n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	mustBeWhole(t, dir, 5)
}

func TestNoLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	r := mustBeWhole(t, dir, 0)
	if r.Head != genesis {
		t.Errorf("head %s", r.Head)
	}
	for e, err := range scan(dir) {
		t.Error(e, err)
	}
	for e, err := range records(dir, ReadOptions{Backward: true}) {
		t.Error(e, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made the directory")
	}
}

// Files that the reference would take for part of the log, and we do not.
func TestIgnored(t *testing.T) {
	dir := makeLog(t, 2)
	for _, name := range []string{"notes.jsonl", "2026-13-01.jsonl", "2026-06-01.jsonl.bak", "2026-6-1.jsonl"} {
		write(t, []byte("x\n"), dir, name)
	}
	r := mustBeWhole(t, dir, 2)
	if want := []string{"2026-13-01.jsonl", "2026-6-1.jsonl", "notes.jsonl"}; !slices.Equal(r.Ignored, want) {
		t.Errorf("ignored %q, want %q", r.Ignored, want)
	}
}

// Lines of all lengths around the sizes of buffers, in both directions.
func TestLineLengths(t *testing.T) {
	const chunk = 64
	for n := range 3 * chunk {
		for _, end := range []string{"\n", ""} {
			for _, before := range []string{"", "a\n", strings.Repeat("b", chunk-1) + "\n", strings.Repeat("c\n", chunk)} {
				text := before + strings.Repeat("x", n) + "\n\n" + strings.Repeat("y", n) + end
				want := slices.Collect(strings.Lines(text))
				f := strings.NewReader(text)

				b := blocks{f: f, size: int64(len(text))}
				var got []string
				for buf := make([]byte, chunk); ; {
					block, off, err := b.next(buf)
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if off != int64(len(strings.Join(got, ""))) {
						t.Fatalf("block at %d after %q", off, got)
					}
					got = append(got, slices.Collect(strings.Lines(string(block)))...)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("forward: %q, want %q", got, want)
				}

				got = nil
				back := newBackLines(f, int64(len(text)), chunk)
				for {
					line, off, ended, err := back.prev()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if ended {
						line = append(bytes.Clone(line), '\n')
					}
					if !strings.HasPrefix(text[off:], string(line)) {
						t.Fatalf("line %q at %d", line, off)
					}
					got = append(got, string(line))
				}
				slices.Reverse(got)
				if !slices.Equal(got, want) {
					t.Fatalf("backward: %q, want %q", got, want)
				}
			}
		}
	}
}

// A line past the bound is damage or a torn line like any other, and does not
// get into memory.
func TestHugeLine(t *testing.T) {
	if testing.Short() {
		t.Skip("a large file, one goroutine: nothing for the race detector")
	}
	const huge = maxLine + 1
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	size := int64(len(read(t, day)))
	if err := os.Truncate(day, size+huge); err != nil { // a hole of zeros
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	r := verify(t, dir)
	if r.Torn == nil || r.Torn.Length != huge || r.Torn.Line != 3 || r.Damaged != 0 {
		t.Errorf("torn %+v, breaks %+v", r.Torn, r.Breaks)
	}
	readBoth(t, dir, 2, 1)

	f, err := os.OpenFile(day, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	add(t, newLog(t, dir, &clock{day0}), "c")
	r = verify(t, dir)
	if len(r.Breaks) != 1 || r.Breaks[0].Kind != Malformed || r.Breaks[0].Line != 3 || r.Records != 4 {
		t.Errorf("%+v", r)
	}
	readBoth(t, dir, 4, 1)

	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MiB were allocated", got>>20)
	}
}

// readBoth counts records and unreadable lines in both directions.
func readBoth(t *testing.T, dir string, records, bad int) {
	t.Helper()
	for name, seq := range map[string]func(func(Entry, error) bool){"scan": scan(dir), "backward": backward(dir)} {
		good, unreadable := 0, 0
		for _, err := range seq {
			if err == nil {
				good++
			} else {
				unreadable++
			}
		}
		if good != records || unreadable != bad {
			t.Errorf("%s: %d records and %d unreadable lines, want %d and %d", name, good, unreadable, records, bad)
		}
	}
}

// Long records are whole records.
func TestLongRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("large records: nothing new for the race detector")
	}
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	add(t, l, "a")
	long := strings.Repeat("x", 20<<20)
	for range 6 { // more than the budget
		add(t, l, long)
	}
	add(t, l, "b")
	add(t, newLog(t, dir, &clock{day0}), "c")
	mustBeWhole(t, dir, 9)
	readBoth(t, dir, 9, 0)
}

// Verify gives Visit every record in order with what Check said of it, and
// Progress the way.
func TestVisit(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	const n = 5000
	for i := 0; i < n; i += 100 {
		if _, err := l.Append(100, func(k int, at At) ([]byte, error) {
			return receipt(fmt.Sprint(i+k), at.Time), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	next, records, bytes, total := 0, int64(0), int64(0), int64(0)
	r, err := verifyDir(context.Background(), dir, VerifyOptions[string]{
		Workers: 3,
		Check: func(receipt []byte, _ Hash) Checked[string] {
			return Checked[string]{Result: idOf(receipt)}
		},
		Visit: func(e Entry, result string) {
			if want := fmt.Sprint(next); result != want || !strings.Contains(string(e.Receipt), `"rec_`+want+`"`) || e.Line != next+1 {
				t.Fatalf("%s:%d: %v, want %s", e.File, e.Line, result, want)
			}
			next++
		},
		Progress: func(r, b, all int64) {
			if r < records || b < bytes {
				t.Errorf("progress goes back: %d of %d", b, all)
			}
			records, bytes, total = r, b, all
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != n || records != n || bytes != total || r.Records != n || r.Bytes != total {
		t.Errorf("%d visited, %d records, %d of %d bytes; %+v", next, records, bytes, total, r)
	}
}

// Check and Visit get receipts in canonical form, and Visit the line as it is
// stored: the reference writes the members in another order.
func TestVisitCanonical(t *testing.T) {
	n := 0
	_, err := verifyDir(context.Background(), "testdata/log/audit", VerifyOptions[[]byte]{
		Check: func(receipt []byte, _ Hash) Checked[[]byte] { return Checked[[]byte]{Result: bytes.Clone(receipt)} },
		Visit: func(e Entry, result []byte) {
			if !canon.IsCanonical(result) || !bytes.Equal(result, e.Receipt) || bytes.Contains(e.Raw, e.Receipt) {
				t.Fatalf("%s:%d: %s, and stored %s", e.File, e.Line, result, e.Raw)
			}
			n++
		},
	})
	if err != nil || n == 0 {
		t.Errorf("%d visited, %v", n, err)
	}
}

// A verification that is told to stop says how far it got.
func TestVerifyStopped(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	for range 20 {
		add(t, l, strings.Repeat("x", blockSize))
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := verifyDir(ctx, dir, VerifyOptions[struct{}]{Workers: 1, Visit: func(e Entry, _ struct{}) {
		if e.Line == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r == nil || r.Records < 2 || r.Records == 20 {
		t.Errorf("error %v, report %+v", err, r)
	}
}
