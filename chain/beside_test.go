package chain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// besideLog is a log each of whose records has a line beside it, and what its disk has
// for certain: a file has what it had at its last sync. Whatever was written since, a
// power failure may leave or take.
type besideLog struct {
	*Log
	clock  clock
	synced map[string]int64
	fail   string // syncs of files with this suffix fail
	n      int
}

func newBesideLog(t *testing.T, check func(b *besideLog)) *besideLog {
	b := &besideLog{clock: clock{day0}, synced: map[string]int64{}}
	b.Log = New(t.TempDir(), Options{Now: b.clock.now})
	t.Cleanup(func() { b.Close() })
	b.sync = func(f *os.File) error {
		if b.fail != "" && strings.HasSuffix(f.Name(), b.fail) {
			return errors.New("input/output error")
		}
		check(b)
		st, err := f.Stat()
		b.synced[filepath.Base(f.Name())] = st.Size()
		return err
	}
	return b
}

// add appends two records.
func (b *besideLog) add(later bool) error {
	add := b.Append
	if later {
		add = b.AppendLater
	}
	_, err := add(2, func(_ int, at At) ([]byte, error) {
		b.n++
		id := fmt.Sprintf("rec_%032x", b.n)
		at.Beside(fmt.Appendf(nil, `{"id":"%s","params":{}}`+"\n", id))
		return fmt.Appendf(nil, `{"id":"%s","ts":"%s"}`, id, at.Time.Format("2006-01-02T15:04:05.000Z")), nil
	})
	return err
}

// lacking are ids of records for which the disk may not have a line.
func (b *besideLog) lacking(t *testing.T) (ids []string) {
	t.Helper()
	days, _ := filepath.Glob(filepath.Join(b.dir, "*.jsonl"))
	for _, day := range days {
		lines, err := os.ReadFile(day + besideSuffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		lines = lines[:b.synced[filepath.Base(day)+besideSuffix]]
		for line := range bytes.Lines(read(t, day)) {
			e, err := ParseEntry(bytes.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if id := string(e.Receipt[7:43]); !bytes.Contains(lines, []byte(id)) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Whenever the power fails, there is no record on the disk whose line beside the log is
// not: the line is synced before the record is written.
func TestBesideOrder(t *testing.T) {
	syncs := 0
	b := newBesideLog(t, func(b *besideLog) {
		syncs++
		if ids := b.lacking(t); len(ids) > 0 {
			t.Errorf("at sync %d: %d records without a line", syncs, len(ids))
		}
	})
	for i := range 6 {
		if err := b.add(i%3 == 2); err != nil {
			t.Fatal(err)
		}
		if i == 2 { // records that are not synced yet, and then another day
			b.clock.Time = b.clock.Add(24 * time.Hour)
		}
	}
	if ids := b.lacking(t); len(ids) > 0 || syncs < 8 {
		t.Errorf("%d syncs, %d records without a line", syncs, len(ids))
	}
}

// If either file cannot be synced, both are as before.
func TestBesideTakenBack(t *testing.T) {
	for _, suffix := range []string{daySuffix, besideSuffix} {
		b := newBesideLog(t, func(*besideLog) {})
		if err := b.add(false); err != nil {
			t.Fatal(err)
		}
		day := filepath.Join(b.dir, dayFile(day0))
		log, lines := read(t, day), read(t, day+besideSuffix)
		b.fail = suffix
		if err := b.add(false); err == nil {
			t.Fatal("no error")
		}
		if !bytes.Equal(read(t, day), log) || !bytes.Equal(read(t, day+besideSuffix), lines) {
			t.Errorf("%s cannot be synced: something stayed", suffix)
		}
		b.fail = ""
		if err := b.add(false); err != nil || len(b.lacking(t)) > 0 {
			t.Errorf("after that: %v", err)
		}
		mustBeWhole(t, b.dir, 4)
	}
}
