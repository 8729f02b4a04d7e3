package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// signedReceipt is one that check takes for signed: by a known key, or by
// another.
func signedReceipt(id, key string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":"rec_%s","key":"%s","sig":"ed25519:good","ts":"%s","v":1}`, id, key, at.Format(event.TimeForm))
}

// check replaces package sign. It wants canonical receipts. One with a member
// "after" is bound to its place.
func check(receipt []byte, prev Hash) (signed, known bool) {
	signed = bytes.Contains(receipt, []byte(`"sig":"ed25519:good"`)) &&
		(!bytes.Contains(receipt, []byte(`"after":`)) || bytes.Contains(receipt, []byte(`"after":"`+prev.String()+`"`)))
	return signed, signed && bytes.Contains(receipt, []byte(`"key":"known"`))
}

// checkedLog is a log whose writer knows signatures. What it says goes to warned.
func checkedLog(t testing.TB, dir string, c *clock, warned *[]string) *Log {
	t.Helper()
	l := New(dir, Options{NoSync: true, Now: c.now, Check: check, Warn: func(text string) {
		if warned != nil {
			*warned = append(*warned, text)
		}
	}})
	t.Cleanup(func() { l.Close() })
	return l
}

// addSigned appends a receipt that is signed by the known key.
func addSigned(t testing.TB, l *Log, id string) {
	t.Helper()
	if _, err := l.Append(1, func(_ int, at At) ([]byte, error) { return signedReceipt(id, "known", at.Time), nil }); err != nil {
		t.Fatal(err)
	}
}

// plant puts the record of a receipt at the log's end as another program would,
// into the file of a day.
func plant(t testing.TB, dir, day string, receipt []byte) {
	t.Helper()
	var last Hash
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		last = e.RecordHash
	}
	line, _ := appendRecord(nil, receipt, last)
	appendTo(t, filepath.Join(dir, day), line)
}

func appendTo(t testing.TB, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsContinued: a time that the clock has not reached counts if a known
// key has signed it, however it is spelled; and what is not signed at all is told
// of by an event.
func TestWhatIsContinued(t *testing.T) {
	day, ahead, past := dayFile(day0), day0.Add(time.Hour), day0.Add(-time.Second)
	respelled := func(receipt []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			plant(t, dir, day, receipt)
			b := read(t, dir, day)
			at := bytes.LastIndex(b, []byte(`"ts":"`))
			b = append(b[:at:at], bytes.Replace(b[at:], []byte(`"ts":"`), []byte(`"t\u0073" : "`), 1)...)
			write(t, b, dir, day)
		}
	}
	planted := func(receipt string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { plant(t, dir, day, []byte(receipt)) }
	}
	for name, c := range map[string]struct {
		plant func(t *testing.T, dir string)
		want  string // ids
		ahead bool   // the record's time
	}{
		"unsigned, ahead":      {planted(`{"ts":"` + ahead.Format(event.TimeForm) + `","type":"note","v":1}`), "0 note log_damaged c", false},
		"unsigned, past":       {planted(`{"ts":"` + past.Format(event.TimeForm) + `","type":"note","v":1}`), "0 note log_damaged c", false},
		"unsigned, with a sig": {planted(`{"id":"rec_x","sig":"ed25519:false","ts":"` + ahead.Format(event.TimeForm) + `","v":1}`), "0 x log_damaged c", false},
		"unknown key, ahead":   {planted(string(signedReceipt("x", "other", ahead))), "0 x c", false},
		"unknown key, past":    {planted(string(signedReceipt("x", "other", past))), "0 x c", false},
		"known key, ahead":     {planted(string(signedReceipt("x", "known", ahead))), "0 x clock_step c", true},
		"known key, respelled": {respelled(signedReceipt("x", "known", ahead)), "0 x clock_step c", true},
		"no signature, a word": {planted(`{"id":"rec_x","note":"\"sig\":\"ed25519:good\"","ts":"` + ahead.Format(event.TimeForm) + `","v":1}`), "0 x log_damaged c", false},
		"after a known record": {func(t *testing.T, dir string) {
			plant(t, dir, day, signedReceipt("x", "known", ahead))
			plant(t, dir, day, []byte(`{"ts":"`+past.Format(event.TimeForm)+`","type":"note","v":1}`))
		}, "0 x note log_damaged clock_step c", true},
		"a response after an unsigned record": {func(t *testing.T, dir string) {
			plant(t, dir, day, []byte(`{"ts":"`+ahead.Format(event.TimeForm)+`","type":"note","v":1}`))
			plant(t, dir, day, fmt.Appendf(nil, `{"id":"rec_x","key":"known","sig":"ed25519:good","ts_request":"%s","ts_response":"%s","v":2}`, past.Format(event.TimeForm), past.Format(event.TimeForm)))
		}, "0 note x c", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			clk := &clock{day0.Add(-time.Minute)}
			first := checkedLog(t, dir, clk, nil)
			addSigned(t, first, "0")
			c.plant(t, dir)
			clk.Time = day0
			addSigned(t, checkedLog(t, dir, clk, nil), "c")
			if got := ids(t, dir); got != c.want {
				t.Errorf("records %q, want %q", got, c.want)
			}
			all := times(t, dir)
			want := day0
			if c.ahead {
				want = ahead
			}
			if got := all[len(all)-1]; !got.Equal(want) {
				t.Errorf("the record is of %v, want %v", got, want)
			}
			mustBeWhole(t, dir, int64(len(all)))
			// One who has read the log's end before is told as much.
			addSigned(t, first, "d")
			if r := verify(t, dir); r.Damaged > 0 {
				t.Errorf("%+v", r.Breaks)
			}
		})
	}
}

// TestFutureDay: a day file of the future is quarantined, with an event, and days
// go on, unless a known key has signed a record of that day in it; such a one is
// followed, with an event.
func TestFutureDay(t *testing.T) {
	const far = "9999-12-31.jsonl"
	today := dayFile(day0)
	unsigned := []byte(`{"ts":"9999-12-31T00:00:00.000Z","type":"note","v":1}`)
	for name, c := range map[string]struct {
		plant func(t *testing.T, dir string)
		want  string // ids
		into  string // the file with the new record
		whole bool
	}{
		"empty":    {func(t *testing.T, dir string) { write(t, nil, dir, far) }, "0 torn_line c d", today, true},
		"unsigned": {func(t *testing.T, dir string) { plant(t, dir, far, unsigned) }, "0 torn_line c d", today, true},
		"junk":     {func(t *testing.T, dir string) { write(t, []byte("junk\n\n\x00junk"), dir, far) }, "0 torn_line c d", today, true},
		"tomorrow": {func(t *testing.T, dir string) { write(t, nil, dir, dayFile(day0.AddDate(0, 0, 1))) }, "0 torn_line c d", today, true},
		"of another key": {func(t *testing.T, dir string) {
			plant(t, dir, far, signedReceipt("x", "other", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)))
		}, "0 torn_line c d", today, true},
		"a copied response": {func(t *testing.T, dir string) {
			plant(t, dir, far, signedReceipt("x", "known", day0.Add(-time.Minute)))
		}, "0 torn_line c d", today, true},
		"a copied record": {func(t *testing.T, dir string) { write(t, read(t, dir, today), dir, far) }, "0 torn_line c d", today, true},
		"the clock was wrong": {func(t *testing.T, dir string) {
			addSigned(t, checkedLog(t, dir, &clock{day0.AddDate(0, 0, 7)}, nil), "x")
		}, "0 x clock_step c d", dayFile(day0.AddDate(0, 0, 7)), true},
		"planted where the clock was wrong": {func(t *testing.T, dir string) {
			addSigned(t, checkedLog(t, dir, &clock{day0.AddDate(0, 0, 7)}, nil), "x")
			plant(t, dir, far, signedReceipt("y", "known", day0.Add(-time.Minute)))
		}, "0 x torn_line clock_step c d", dayFile(day0.AddDate(0, 0, 7)), true},
		"many": {func(t *testing.T, dir string) {
			for i := range 5 {
				write(t, unsigned, dir, fmt.Sprintf("999%d-12-31.jsonl", i))
			}
		}, "0 torn_line torn_line torn_line torn_line torn_line c d", today, true},
		"terabytes": {func(t *testing.T, dir string) {
			write(t, nil, dir, far)
			sparse(t, filepath.Join(dir, far), 1<<40)
		}, "0 log_damaged c d", today, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			clk := &clock{day0.Add(-time.Minute)}
			addSigned(t, checkedLog(t, dir, clk, nil), "0")
			c.plant(t, dir)
			clk.Time = day0
			l := checkedLog(t, dir, clk, nil)
			addSigned(t, l, "c")
			addSigned(t, l, "d")
			if got := ids(t, dir); got != c.want {
				t.Errorf("records %q, want %q", got, c.want)
			}
			if !bytes.Contains(read(t, dir, c.into), []byte(`"rec_c"`)) {
				t.Errorf("the record is not in %s", c.into)
			}
			at := day0
			if strings.Contains(name, "the clock was wrong") {
				at = day0.AddDate(0, 0, 7)
			}
			if all := times(t, dir); !all[len(all)-1].Equal(at) {
				t.Errorf("the record is of %v", all[len(all)-1])
			}
		})
	}
}

// TestDayMovedToFuture: records that were moved to a day file of the future, which
// is quarantined, are missed.
func TestDayMovedToFuture(t *testing.T) {
	dir := t.TempDir()
	today, tomorrow := dayFile(day0), day0.AddDate(0, 0, 1)
	l := checkedLog(t, dir, &clock{day0}, nil)
	addSigned(t, l, "0")
	l = checkedLog(t, dir, &clock{tomorrow}, nil)
	if _, err := l.Append(1, func(_ int, at At) ([]byte, error) {
		return fmt.Appendf(nil, `{"after":"%v",%s`, at.Prev, signedReceipt("moved", "known", at.Time)[1:]), nil
	}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Rename(filepath.Join(dir, dayFile(tomorrow)), filepath.Join(dir, "9999-12-31.jsonl")); err != nil {
		t.Fatal(err)
	}
	addSigned(t, checkedLog(t, dir, &clock{tomorrow}, nil), "c")
	if got := ids(t, dir); got != "0 log_damaged torn_line c" {
		t.Errorf("records %q", got)
	}
	if r := verify(t, dir); len(r.Breaks) != 1 || r.Breaks[0].Kind != Removed {
		t.Errorf("in %s and later: breaks %+v", today, r.Breaks)
	}
}

// sparse makes a file as long as size without taking the place, where that can be
// had.
func sparse(t testing.TB, path string, size int64) {
	t.Helper()
	if onWindows {
		t.Skip("files are not sparse by themselves on Windows")
	}
	if err := os.Truncate(path, size); err != nil {
		cannot(t, err)
	}
}

// TestEndOutOfReach: where the log's end would take too long to read, records go
// on: after the record that this Log saw last, or in a new chain and
// does not look complete.
func TestEndOutOfReach(t *testing.T) {
	if testing.Short() {
		t.Skip("large files, one goroutine: nothing for the race detector")
	}
	for name, c := range map[string]struct {
		tail  func(t *testing.T, day string, size int64)
		fresh bool
		prev  string // of the first record after
	}{
		"torn, a little too long":      {func(t *testing.T, day string, size int64) { sparse(t, day, size+maxLine+1) }, true, "1"},
		"torn, terabytes":              {func(t *testing.T, day string, size int64) { sparse(t, day, size+1<<40) }, true, "nothing"},
		"torn, terabytes, seen before": {func(t *testing.T, day string, size int64) { sparse(t, day, size+1<<40) }, false, "1"},
		"ended, terabytes": {func(t *testing.T, day string, size int64) {
			sparse(t, day, size+1<<40)
			appendTo(t, day, []byte("\n"))
		}, true, "nothing"},
		"ended, terabytes, seen before": {func(t *testing.T, day string, size int64) {
			sparse(t, day, size+1<<40)
			appendTo(t, day, []byte("\n"))
		}, false, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			clk := &clock{day0}
			l := checkedLog(t, dir, clk, nil)
			addSigned(t, l, "0")
			addSigned(t, l, "1")
			hash := l.place.hash
			day := filepath.Join(dir, dayFile(day0))
			before := read(t, day)
			c.tail(t, day, int64(len(before)))
			if c.fresh {
				l.Close()
				l = checkedLog(t, dir, clk, nil)
			}
			addSigned(t, l, "c")
			l.Close()
			addSigned(t, checkedLog(t, dir, clk, nil), "d")

			f, err := os.Open(day)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			head := make([]byte, len(before))
			if _, err := f.ReadAt(head, 0); err != nil || !bytes.Equal(head, before) {
				t.Fatalf("what stood there has changed: %v", err)
			}
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			lines := newBackLines(f, st.Size(), tailChunk)
			var last record
			var got []string
			for range 3 {
				line, _, _, err := lines.prev()
				if err != nil {
					t.Fatal(err)
				}
				r, err := parseRecord(line)
				if err != nil || len(got) > 0 && last.prev != r.hash {
					t.Fatalf("%s: %v", line, err)
				}
				m := r.members("id", "type", "expected")
				got = append(got, strings.Trim(string(m[0])+string(m[1]), `"`))
				last = r
				if len(got) == 3 && c.prev == "nothing" {
					if e := string(m[2]); strings.Contains(e, genesis.String()) || e == "" {
						t.Errorf("the event names %s", e)
					}
				}
			}
			if want := "[rec_d rec_c log_damaged]"; fmt.Sprint(got) != want {
				t.Errorf("records from the end %v, want %v", got, want)
			}
			want := hash
			if c.prev == "nothing" {
				want = genesis
			}
			if last.prev != want {
				t.Errorf("the event follows %v, want %v", last.prev, want)
			}
		})
	}
}

// TestPlantedPending: whatever is named as a quarantined line, no call is refused
// for it, and what is done for it in one append is bounded.
func TestPlantedPending(t *testing.T) {
	dir := t.TempDir()
	addSigned(t, checkedLog(t, dir, &clock{day0}, nil), "0")
	day := dayFile(day0)
	for _, name := range []string{"zzz", "", "1x", "-1", "1-", "1-x", "99999999999999999999", "0x10", "1-99999999999999999999"} {
		write(t, []byte("x"), dir, day+tornInfix+name+pendingSuffix)
	}
	if err := os.Mkdir(filepath.Join(dir, day+tornInfix+"7"+pendingSuffix), 0o700); err != nil {
		t.Fatal(err)
	}
	os.Symlink("/dev/zero", filepath.Join(dir, day+tornInfix+"8"+pendingSuffix))
	write(t, []byte("x"), dir, day+tornInfix+"9"+pendingSuffix)
	os.Chmod(filepath.Join(dir, day+tornInfix+"9"+pendingSuffix), 0)
	huge := filepath.Join(dir, day+tornInfix+"10"+pendingSuffix)
	write(t, nil, huge)
	if !onWindows {
		if err := os.Truncate(huge, 1<<40); err != nil {
			t.Log(err)
		}
	}
	var warned []string
	l := checkedLog(t, dir, &clock{day0}, &warned)
	addSigned(t, l, "c")
	addSigned(t, l, "d")
	if len(warned) != 1 || !strings.Contains(warned[0], "is ignored") {
		t.Errorf("it warned %q", warned)
	}
	if got := ids(t, dir); !strings.HasPrefix(got, "0 ") || !strings.HasSuffix(got, " c d") || strings.Count(got, "torn_line") > 1 || strings.Count(got, "log_damaged") > 1 {
		t.Errorf("records %s", got)
	}

	dir = t.TempDir()
	addSigned(t, checkedLog(t, dir, &clock{day0}, nil), "0")
	const many = 10*maxPending + 1
	for i := range many {
		write(t, nil, dir, fmt.Sprintf("%s%s%d%s", day, tornInfix, i, pendingSuffix))
	}
	l = checkedLog(t, dir, &clock{day0}, nil)
	for i := range 11 {
		before := strings.Count(ids(t, dir), "torn_line")
		addSigned(t, l, fmt.Sprint("c", i))
		if now := strings.Count(ids(t, dir), "torn_line"); now-before > maxPending {
			t.Fatalf("%d events in one append", now-before)
		}
	}
	if r := mustBeWhole(t, dir, 1+11+many); len(r.Quarantined) != many {
		t.Errorf("%d of %d files are reported", len(r.Quarantined), many)
	}
}

// TestManyNamesTaken: planted names do not make the search for a free one long.
func TestManyNamesTaken(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "x")
	write(t, nil, base)
	for i := 2; i < 100; i++ {
		write(t, nil, fmt.Sprintf("%s-%d%s", base, i, []string{"", pendingSuffix}[i%2]))
	}
	f, err := createUnused(base)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, offset, ok := parseTorn("2026-06-01.jsonl" + tornInfix + "5" + strings.TrimPrefix(f.Name(), base)); !ok || offset != 5 {
		t.Errorf("%s is not named as a quarantined line", f.Name())
	}
}

// TestPlantedLock: what is no file in the lock's place is an error that says so.
func TestPlantedLock(t *testing.T) {
	for _, name := range []string{lockName, dayFile(day0) + lockSuffix} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		l := newLog(t, dir, &clock{day0})
		_, err := l.Append(1, oneReceipt("a"))
		var path *fs.PathError
		if !errors.As(err, &path) || filepath.Base(path.Path) != name || !onWindows && !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		add(t, l, "a")
	}
}
