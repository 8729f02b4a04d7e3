package chain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestAppendLater: what need not be waited for is in the log at once, and on
// the disk before anything that follows it is.
func TestAppendLater(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	l := New(t.TempDir(), Options{Now: func() time.Time { return now }})
	defer l.Close()
	var synced []string
	l.sync = func(f *os.File) error {
		st, err := f.Stat()
		synced = append(synced, fmt.Sprintf("%s %d", st.Name(), st.Size()))
		return err
	}
	build := func(_ int, at At) ([]byte, error) {
		return []byte(`{"ts":"` + at.Time.Format(event.TimeForm) + `","v":1}`), nil
	}
	check := func(step string, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(synced) != fmt.Sprint(want) {
			t.Errorf("%s: synced %q, want %q", step, synced, want)
		}
		synced = nil
	}
	const size = 226 // of one record
	check("later", failed(l.AppendLater(2, build)))
	check("sync", l.Sync(), fmt.Sprintf("2026-11-23.jsonl %d", 2*size))
	check("later again", failed(l.AppendLater(1, build)))
	check("append", failed(l.Append(1, build)), fmt.Sprintf("2026-11-23.jsonl %d", 4*size))
	check("before midnight", failed(l.AppendLater(1, build)))
	now = now.Add(time.Hour)
	check("after midnight", failed(l.Append(1, build)), fmt.Sprintf("2026-11-23.jsonl %d", 5*size), fmt.Sprintf("2026-11-24.jsonl %d", size))

	r, err := verifyDir(t.Context(), l.dir, VerifyOptions[struct{}]{})
	if err != nil || r.Records != 6 || len(r.Breaks) > 0 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

// What was written is not forgotten with the file handle, when an append fails.
func TestSyncAfterFailure(t *testing.T) {
	l := New(t.TempDir(), Options{Now: (&clock{day0}).now})
	defer l.Close()
	synced := 0
	l.testOnlySync(func(*os.File) error { synced++; return nil })
	if err := l.Sync(); err != nil || synced != 0 {
		t.Errorf("nothing to sync: %d times, %v", synced, err)
	}
	if _, err := l.AppendLater(1, oneReceipt("a")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("no key")
	if _, err := l.Append(1, func(int, At) ([]byte, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if synced != 0 {
		t.Fatal("synced too early")
	}
	if err := l.Sync(); err != nil || synced != 1 {
		t.Errorf("synced %d times, %v", synced, err)
	}
	if err := l.Sync(); err != nil || synced != 1 {
		t.Errorf("synced %d times, %v", synced, err)
	}
}

// A torn line keeps its mark until the event about it is on the disk.
func TestTornLater(t *testing.T) {
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	os.Truncate(day, int64(len(read(t, day))-9))
	l := New(dir, Options{Now: (&clock{day0}).now})
	defer l.Close()
	for _, id := range []string{"c", "d"} {
		if _, err := l.AppendLater(1, oneReceipt(id)); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(t, dir); got != "0 torn_line c d" {
		t.Errorf("records %s", got)
	}
	for want := 1; want >= 0; want-- {
		pending, err := filepath.Glob(filepath.Join(dir, "*"+pendingSuffix))
		if err != nil || len(pending) != want {
			t.Errorf("pending %q, want %d", pending, want)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	mustBeWhole(t, dir, 4)
}
