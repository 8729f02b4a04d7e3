package chain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// ids are the ids of a log's records in order, without "rec_"; an event is its
// type.
func ids(t testing.TB, dir string) string {
	t.Helper()
	var all []string
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, idOf(e.Receipt))
	}
	return strings.Join(all, " ")
}

// idOf is what ids has of a receipt.
func idOf(receipt []byte) string {
	m := (&record{receipt: receipt}).members("id", "type")
	return strings.TrimPrefix(strings.Trim(string(m[0])+string(m[1]), `"`), "rec_")
}

// times are a log's record times in order.
func times(t testing.TB, dir string) (all []time.Time) {
	t.Helper()
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, (&record{receipt: e.Receipt}).dayTime())
	}
	return all
}

func TestMidnight(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Date(2026, 6, 1, 23, 59, 59, 999_900_000, time.UTC)}
	one, two := newLog(t, dir, c), newLog(t, dir, c)
	add(t, one, "a")
	add(t, two, "b")
	c.Time = c.Add(200 * time.Microsecond)
	add(t, two, "c")
	add(t, one, "d")
	add(t, two, "e", "f")
	r := mustBeWhole(t, dir, 6)
	if want := []string{"2026-06-01.jsonl", "2026-06-02.jsonl"}; !slices.Equal(r.Files, want) {
		t.Errorf("files %v, want %v", r.Files, want)
	}
	if got := ids(t, dir); got != "a b c d e f" {
		t.Errorf("records %s", got)
	}
	if got := bytes.Count(read(t, dir, r.Files[0]), []byte("\n")); got != 2 {
		t.Errorf("%d records in the first file, want 2", got)
	}
	// The time is in whole milliseconds, rounded down: never a future one.
	if got := times(t, dir)[0]; !got.Equal(time.Date(2026, 6, 1, 23, 59, 59, 999_000_000, time.UTC)) {
		t.Errorf("first time %v", got)
	}
}

// Two changes of the directory may bear one time: the second is seen none the less.
func TestRacyFolder(t *testing.T) {
	dir := t.TempDir()
	c := &clock{day0}
	l := newLog(t, dir, c)
	add(t, l, "a")
	add(t, l, "b")
	st, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	add(t, newLog(t, dir, &clock{day0.AddDate(0, 0, 1)}), "c")
	if err := os.Chtimes(dir, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	add(t, l, "d")
	mustBeWhole(t, dir, 5)
	if got := ids(t, dir); got != "a b c clock_step d" {
		t.Errorf("records %q", got)
	}
}

// The clock steps back, within the day and over midnight: the newest file goes
// on, and the times do not go back.
func TestClockBack(t *testing.T) {
	dir := t.TempDir()
	c := &clock{day0}
	one := newLog(t, dir, c)
	add(t, one, "a")
	c.Time = day0.Add(-time.Hour)
	add(t, one, "b")
	add(t, newLog(t, dir, c), "c") // who has it from the file only
	c.Time = day0.AddDate(0, 0, -3)
	add(t, one, "d")
	add(t, newLog(t, dir, c), "e")
	c.Time = day0.Add(time.Second)
	add(t, one, "f")
	if r := mustBeWhole(t, dir, 10); len(r.Files) != 1 {
		t.Errorf("files %v", r.Files)
	}
	if got := ids(t, dir); got != "a clock_step b clock_step c clock_step d clock_step e f" {
		t.Errorf("records %q", got)
	}
	want := append(slices.Repeat([]time.Time{day0}, 9), day0.Add(time.Second))
	if got := times(t, dir); !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("times %v, want %v", got, want)
	}
}

// One record with a time of far away does not carry all later ones there.
func TestStrangeTime(t *testing.T) {
	dir := t.TempDir()
	line, _ := appendRecord(nil, receipt("far", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), genesis)
	write(t, line, dir, dayFile(day0))
	c := &clock{day0.AddDate(0, 0, 1)}
	add(t, newLog(t, dir, c), "near")
	mustBeWhole(t, dir, 2)
	if got := times(t, dir)[1]; !got.Equal(c.Time) {
		t.Errorf("time %v, want %v", got, c.Time)
	}
}

// If build fails, nothing is written, and the log goes on.
func TestBuildFails(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	add(t, l, "a")
	before := dayFiles(t, dir)
	boom := errors.New("no key")
	_, err := l.Append(3, func(i int, at At) ([]byte, error) {
		if i == 2 {
			return nil, boom
		}
		return receipt("x", at.Time), nil
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	for _, bad := range []string{"", "{", "[1]", "{}\n", "{\n}", `{"a":1} `} {
		if _, err := l.Append(1, func(int, At) ([]byte, error) { return []byte(bad), nil }); err == nil {
			t.Errorf("%q was taken for a receipt", bad)
		}
	}
	if !bytes.Equal(dayFiles(t, dir), before) {
		t.Error("something was written")
	}
	if _, err := l.Append(0, nil); err != nil {
		t.Error(err)
	}
	add(t, l, "b")
	mustBeWhole(t, dir, 2)
}

// A disk that fails to sync: as if nothing had been written, and the next
// append works.
func TestSyncFails(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("input/output error")
	fail := false
	l := New(dir, Options{Now: (&clock{day0}).now})
	defer l.Close()
	l.testOnlySync(func(*os.File) error {
		if fail {
			return boom
		}
		return nil
	})
	add(t, l, "a")
	before := dayFiles(t, dir)
	for range 2 {
		fail = true
		_, err := l.Append(2, func(i int, at At) ([]byte, error) { return receipt("lost", at.Time), nil })
		if !errors.Is(err, boom) {
			t.Fatalf("error %v, want %v", err, boom)
		}
		if got := dayFiles(t, dir); !bytes.Equal(got, before) {
			t.Errorf("left in the log: %s", got[len(before):])
		}
	}
	fail = false
	add(t, l, "b")
	mustBeWhole(t, dir, 2)
	if got := ids(t, dir); got != "a b" {
		t.Errorf("records %s", got)
	}
}

// An event that was taken back with the records is written with the next ones.
func TestSyncFailsAfterLoss(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, Options{Now: (&clock{day0}).now})
	defer l.Close()
	add(t, l, "a")
	os.Remove(filepath.Join(dir, dayFile(day0)))
	boom := errors.New("input/output error")
	l.testOnlySync(func(*os.File) error { return boom })
	if _, err := l.Append(1, oneReceipt("lost")); !errors.Is(err, boom) {
		t.Fatalf("error %v, want %v", err, boom)
	}
	l.testOnlySync(func(*os.File) error { return nil })
	add(t, l, "b")
	if got := ids(t, dir); got != "log_damaged b" {
		t.Errorf("records %s", got)
	}
}

// The same when another writer has appended after the record: it must stay, or
// the other's would hang in the air.
func TestSyncFailsBehindAnother(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("input/output error")
	c := &clock{day0}
	l, other := New(dir, Options{Now: c.now}), newLog(t, dir, c)
	defer l.Close()
	l.testOnlySync(func(*os.File) error {
		add(t, other, "other") // the locks are free while the disk works
		return boom
	})
	_, err := l.Append(1, func(i int, at At) ([]byte, error) { return receipt("a", at.Time), nil })
	if !errors.Is(err, boom) {
		t.Fatalf("error %v, want %v", err, boom)
	}
	l.testOnlySync(func(*os.File) error { return nil })
	add(t, l, "b")
	mustBeWhole(t, dir, 3)
	if got := ids(t, dir); got != "a other b" {
		t.Errorf("records %s", got)
	}
}

// And when somebody vouches for the record already.
func TestSyncFailsKept(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("input/output error")
	keep, asked, done := true, int64(-1), 0
	l := New(dir, Options{Now: (&clock{day0}).now, Keep: func(file string, size int64) (bool, func()) {
		if asked = size; file != dayFile(day0) {
			t.Errorf("asked of %s", file)
		}
		return keep, func() { done++ }
	}})
	defer l.Close()
	l.testOnlySync(func(*os.File) error { return boom })
	for range 2 {
		before := len(dayFiles(t, dir))
		if _, err := l.Append(1, oneReceipt("a")); !errors.Is(err, boom) || asked != int64(before) {
			t.Fatalf("error %v, want %v; asked of %d bytes, want %d", err, boom, asked, before)
		}
		keep = false
	}
	l.testOnlySync(func(*os.File) error { return nil })
	add(t, l, "b")
	mustBeWhole(t, dir, 2)
	if got := ids(t, dir); got != "a b" || done != 1 {
		t.Errorf("records %s; done %d times", got, done)
	}
}

// What others do to the files between two appends is noticed, and told in the
// log where records were lost. It never ends the appending.
func TestDisturbed(t *testing.T) {
	day := dayFile(day0)
	for _, tt := range []struct {
		name    string
		disturb func(t *testing.T, dir string)
		want    string // records after one more append
		breaks  int    // what verification says, the event's included
	}{
		{"nothing", func(*testing.T, string) {}, "a b c d", 0},
		{"newest file removed", func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, day))
		}, "log_damaged d", 1},
		{"folder removed", func(t *testing.T, dir string) {
			os.RemoveAll(dir)
		}, "log_damaged d", 1},
		{"folder moved away", func(t *testing.T, dir string) {
			os.Rename(dir, dir+".old")
		}, "log_damaged d", 1},
		{"folder replaced by a copy", func(t *testing.T, dir string) {
			os.Rename(dir, dir+".old")
			if err := os.CopyFS(dir, os.DirFS(dir+".old")); err != nil {
				t.Fatal(err)
			}
		}, "a b c d", 0},
		{"cut at a line", func(t *testing.T, dir string) {
			b := read(t, dir, day)
			os.Truncate(filepath.Join(dir, day), int64(bytes.IndexByte(b, '\n')+1))
		}, "a log_damaged d", 1},
		{"cut in a line", func(t *testing.T, dir string) {
			os.Truncate(filepath.Join(dir, day), int64(len(read(t, dir, day))-30))
		}, "a b torn_line log_damaged d", 1},
		{"emptied", func(t *testing.T, dir string) {
			os.Truncate(filepath.Join(dir, day), 0)
		}, "log_damaged d", 1},
		{"replaced by an older copy", func(t *testing.T, dir string) {
			b := read(t, dir, day)
			os.Remove(filepath.Join(dir, day))
			write(t, b[:bytes.IndexByte(b, '\n')+1], dir, day)
		}, "a log_damaged d", 1},
		{"replaced by an equal copy", func(t *testing.T, dir string) {
			b := read(t, dir, day)
			os.Remove(filepath.Join(dir, day))
			write(t, b, dir, day)
		}, "a b c d", 0},
		{"last record edited in place", func(t *testing.T, dir string) {
			write(t, bytes.Replace(read(t, dir, day), []byte("rec_c"), []byte("rec_C"), 1), dir, day)
		}, "a b C d", 1},
		{"another writer", func(t *testing.T, dir string) {
			add(t, newLog(t, dir, &clock{day0}), "x", "y")
		}, "a b c x y d", 0},
		{"another writer on a newer day", func(t *testing.T, dir string) {
			add(t, newLog(t, dir, &clock{day0.AddDate(0, 0, 5)}), "x")
		}, "a b c x clock_step d", 0},
		{"blank lines", func(t *testing.T, dir string) {
			write(t, append(read(t, dir, day), "\n \r\n"...), dir, day)
		}, "a b c d", 0},
		{"locks removed", func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, lockName))
			os.Remove(filepath.Join(dir, day+lockSuffix))
		}, "a b c d", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if onWindows && strings.Contains(tt.name, "folder") {
				return // open files hold it
			}
			dir := filepath.Join(t.TempDir(), "audit")
			l := newLog(t, dir, &clock{day0})
			add(t, l, "a")
			add(t, l, "b", "c")
			tt.disturb(t, dir)
			add(t, l, "d")
			if got := ids(t, dir); got != tt.want {
				t.Errorf("records %q, want %q", got, tt.want)
			}
			r := verify(t, dir)
			if len(r.Breaks) != tt.breaks {
				t.Errorf("breaks %+v, want %d", r.Breaks, tt.breaks)
			}
			add(t, l, "e")
			if got := ids(t, dir); got != tt.want+" e" {
				t.Errorf("records %q, want %q", got, tt.want+" e")
			}
		})
	}
}

// A loss that was noticed is not one any more when the records are back.
func TestPutBack(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	add(t, l, "a")
	name := filepath.Join(dir, dayFile(day0))
	os.Rename(name, name+".away")
	l2 := newLog(t, dir, &clock{day0.AddDate(0, 0, 1)})
	l2.place = l.place // as if it had seen a
	add(t, l2, "b")
	if r := verify(t, dir); len(r.Breaks) != 1 || r.Breaks[0].Kind != Removed || r.Breaks[0].Expected == nil || *r.Breaks[0].Expected != l.place.hash {
		t.Errorf("breaks %+v", r.Breaks)
	}
	os.Rename(name+".away", name)
	// The new file began a chain of its own, which is all that is left to say.
	if r := verify(t, dir); len(r.Breaks) != 1 || r.Breaks[0].Kind != Inserted {
		t.Errorf("breaks %+v", r.Breaks)
	}
}

// The last line can be read as a line, but not as a record: it stays, and the
// next record follows the last one that can be read.
func TestUnreadableEnd(t *testing.T) {
	dir := makeLog(t, 2)
	day := dayFile(day0)
	write(t, append(read(t, dir, day), "{\"receipt\":half a line\n"...), dir, day)
	l := newLog(t, dir, &clock{day0})
	fail := errors.New("no")
	if _, err := l.Append(1, func(int, At) ([]byte, error) { return nil, fail }); !errors.Is(err, fail) {
		t.Fatal(err)
	}
	add(t, l, "c")
	add(t, newLog(t, dir, &clock{day0}), "d")
	r := verify(t, dir)
	if len(r.Breaks) != 1 || r.Breaks[0].Kind != Malformed || r.Records != 5 || r.Events != 1 {
		t.Errorf("%+v", r)
	}
}

// One Log, many goroutines.
func TestGoroutines(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				add(t, l, fmt.Sprint(g, i), fmt.Sprint(g, i, "b"))
			}
		})
	}
	wg.Wait()
	mustBeWhole(t, dir, 800)
}

// A signed event is one that Options.Event made.
func TestEventSigned(t *testing.T) {
	dir := makeLog(t, 2)
	day := dayFile(day0)
	whole := read(t, dir, day)
	os.Truncate(filepath.Join(dir, day), int64(len(whole)-10))
	var got event.Event
	l := New(dir, Options{Now: (&clock{day0}).now, Event: func(e event.Event, at At) ([]byte, error) {
		got = e
		return fmt.Appendf(nil, `{"kept":"x","sig":"y","ts":"%s","type":"%s"}`, at.Time.Format(event.TimeForm), e.Type()), nil
	}})
	defer l.Close()
	add(t, l, "c")
	if ids := ids(t, dir); ids != "0 torn_line c" {
		t.Errorf("records %s", ids)
	}
	second := bytes.IndexByte(whole, '\n') + 1
	want := event.TornLine{
		File:   day,
		Offset: int64(second),
		Length: int64(len(whole) - 10 - second),
		Hash:   sumOf(whole[second : len(whole)-10]),
		Kept:   fmt.Sprintf("%s.torn-%d", day, second),
	}
	if got != event.Event(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestWritten: an append says where its records are, and not where the log's own
// events are that it writes before them; in a new day's file too, after another
// writer, and whether they are copied into the batch or not.
func TestWritten(t *testing.T) {
	dir := t.TempDir()
	c := &clock{day0}
	l, other := newLog(t, dir, c), newLog(t, dir, c)
	var all []Written
	more := func(l *Log, receipts ...[]byte) {
		t.Helper()
		for _, add := range []func(int, func(int, At) ([]byte, error)) ([]Written, error){l.Append, l.AppendLater} {
			written, err := add(len(receipts), func(i int, _ At) ([]byte, error) {
				return receipts[i], nil
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, written...)
		}
	}
	more(l, receipt("a", c.Time), receipt("b", c.Time))
	more(other, receipt("c", c.Time))
	c.Time = c.Time.AddDate(0, 0, 1)
	more(l, longReceipt("d", c.Time, maxCopied+1), receipt("e", c.Time))
	c.Time = c.Time.Add(-time.Minute) // for which there is an event
	more(l, nil, receipt("f", c.Time))
	if _, err := l.Append(1, func(int, At) ([]byte, error) { return []byte("bad"), nil }); err == nil {
		t.Error("no error")
	}

	var want []Written
	n, events := 0, 0
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(e.Receipt, []byte(`"clock_step"`)) {
			events++
			continue
		}
		want = append(want, Written{all[min(n, len(all)-1)].Index, e.Position(), e.Offset + int64(len(e.Raw)) + 1, e.RecordHash})
		n++
	}
	if !slices.Equal(all, want) || len(all) != 12 || events != 1 {
		t.Errorf("written\n%v\nthere\n%v\nand %d events", all, want, events)
	}
	var indexes []int
	for _, w := range all {
		indexes = append(indexes, w.Index)
	}
	if fmt.Sprint(indexes) != "[0 1 0 1 0 0 0 1 0 1 1 1]" {
		t.Errorf("indexes %v", indexes)
	}
}
