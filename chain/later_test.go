package chain

import (
	"fmt"
	"os"
	"testing"
	"time"
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
	build := func(_ int, now time.Time) ([]byte, error) {
		return []byte(`{"ts":"` + now.Format(timeForm) + `","v":1}`), nil
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
	check("later", l.AppendLater(2, build))
	check("sync", l.Sync(), fmt.Sprintf("2026-11-23.jsonl %d", 2*size))
	check("later again", l.AppendLater(1, build))
	check("append", l.Append(1, build), fmt.Sprintf("2026-11-23.jsonl %d", 4*size))
	check("before midnight", l.AppendLater(1, build))
	now = now.Add(time.Hour)
	check("after midnight", l.Append(1, build), fmt.Sprintf("2026-11-23.jsonl %d", 5*size), fmt.Sprintf("2026-11-24.jsonl %d", size))

	r, err := Verify(t.Context(), l.dir, VerifyOptions{})
	if err != nil || r.Records != 6 || len(r.Breaks) > 0 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}
