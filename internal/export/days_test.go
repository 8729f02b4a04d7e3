package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
)

// An export that follows the log goes on over midnight, and where days are compressed that
// it has read, or has not; and so does one that begins again at a cursor in such a day.
func TestDays(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit")
	now := time.Date(2026, 5, 1, 23, 59, 59, 0, time.UTC)
	l := chain.New(audit, chain.Options{NoSync: true, Now: func() time.Time { return now }})
	defer l.Close()
	n := 0
	add := func(records int) {
		t.Helper()
		if _, err := l.Append(records, func(int, chain.At) ([]byte, error) {
			n++
			return fmt.Appendf(nil, `{"v":%d}`, n), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	compress := func(day string) {
		t.Helper()
		path := filepath.Join(audit, day+".jsonl")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		if err := os.WriteFile(path+".gz", z.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	// follow exports until all is there that step adds, one after the other.
	follow := func(steps ...func()) {
		t.Helper()
		cursor, err := OpenCursor(filepath.Join(dir, "cursor"))
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		sink, err := NewFile(out, Records, envelope.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := Run(ctx, Options{Log: audit, Format: Records, Follow: true, Sink: sink, Cursor: cursor, Every: time.Millisecond})
			ended <- err
		}()
		for _, step := range steps {
			step()
			for {
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Count(b, []byte("\n")) >= n {
					break
				}
				if ctx.Err() != nil {
					t.Fatalf("%d of %d records", bytes.Count(b, []byte("\n")), n)
				}
				time.Sleep(time.Millisecond)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	tomorrow := func() { now = now.Add(24 * time.Hour) }
	add(2)
	follow(func() {}, func() { add(3) }, func() { tomorrow(); add(3) }, func() { compress("2026-05-01") }, func() { add(1); tomorrow(); add(2) }, func() { tomorrow(); tomorrow(); add(1) })
	compress("2026-05-02")
	add(2)
	follow(func() { add(2) })
	// The day of the cursor is compressed, too, before the export begins again.
	tomorrow()
	add(2)
	compress("2026-05-05")
	compress("2026-05-03")
	follow(func() {}, func() { tomorrow(); add(1) })
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"receipt":{"v":%d}`, i+1)) {
			t.Fatalf("line %d of %d: %s", i+1, len(lines), line)
		}
	}
	if len(lines) != n {
		t.Errorf("%d lines of %d", len(lines), n)
	}
}
