package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// spoken is what the tests' look makes of a line.
func spoken(e Entry, bad *LineError) (string, bool) {
	if bad != nil {
		return fmt.Sprintf("%s %d bad %s", e.File, e.Offset, e.Raw), true
	}
	k := e.Keep()
	return fmt.Sprintf("%s %d %s", e.File, e.Offset, k.RecordHash), true
}

// readAll collects what Read yields.
func readAll(t *testing.T, s *Snapshot, o ReadOptions) (all []string) {
	t.Helper()
	for line, err := range Read(t.Context(), s, o, spoken) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// mixedLog is a log over three days, of several blocks, with damage and blank
// lines in it and one line longer than a block.
func mixedLog(t *testing.T) string {
	dir := makeLog(t, 3)
	l := newLog(t, dir, &clock{day0})
	for i := range 900 {
		add(t, l, fmt.Sprint("r", i, strings.Repeat("x", i%1500)))
	}
	add(t, l, strings.Repeat("y", 3*blockSize/2))
	for i := range 30 {
		add(t, l, fmt.Sprint("s", i))
	}
	day := dayFile(day0)
	lines := bytes.SplitAfter(read(t, dir, day), []byte("\n"))
	lines[17] = []byte("junk\n")
	lines[18] = []byte("\n\r\n")
	lines[901] = lines[901][1:]
	write(t, bytes.Join(lines, nil), dir, day)
	next := newLog(t, dir, &clock{day0.AddDate(0, 0, 3)})
	for i := range 20 {
		add(t, next, fmt.Sprint("t", i))
	}
	write(t, nil, dir, dayFile(day0.AddDate(0, 0, 4)))
	last := newLog(t, dir, &clock{day0.AddDate(0, 0, 5)})
	add(t, last, "u")
	return dir
}

// Both directions, from any place, with any number of workers, give the same.
func TestRead(t *testing.T) {
	dir := mixedLog(t)
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	var places []Position
	for e, err := range scan(dir) {
		var bad *LineError
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		line, _ := spoken(e, bad)
		want, places = append(want, line), append(places, e.Position())
	}
	if len(want) < 950 || !slices.IsSortedFunc(places, Position.Compare) {
		t.Fatalf("%d lines", len(want))
	}
	for _, workers := range []int{0, 1, 5} {
		if got := readAll(t, s, ReadOptions{Workers: workers}); !slices.Equal(got, want) {
			t.Errorf("%d workers: %d lines, want %d", workers, len(got), len(want))
		}
		got := readAll(t, s, ReadOptions{Workers: workers, Backward: true})
		if slices.Reverse(got); !slices.Equal(got, want) {
			t.Errorf("%d workers, backward: %d lines, want %d", workers, len(got), len(want))
		}
	}
	for i := 0; i < len(places); i += 37 {
		if got := readAll(t, s, ReadOptions{From: places[i]}); !slices.Equal(got, want[i:]) {
			t.Errorf("from %v: %d lines, want %d", places[i], len(got), len(want)-i)
		}
	}
	if got := readAll(t, s, ReadOptions{Since: day0.AddDate(0, 0, 2)}); !slices.Equal(got, want[len(want)-21:]) {
		t.Errorf("since: %d lines", len(got))
	}
}

// Filter gets receipts in canonical form however they are spelled, and what it passes
// over is neither looked at nor lost to Progress.
func TestReadSift(t *testing.T) {
	dir := makeLog(t, 40)
	day := dayFile(day0)
	text := strings.Replace(string(read(t, dir, day)), `"rec_7"`, `"\u0072ec_7"`, 1) // no longer canonical
	write(t, []byte(text+"junk\n"), dir, day)
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	var records, done, total int64
	got := readAll(t, s, ReadOptions{
		Filter:   func(receipt []byte) bool { return bytes.Contains(receipt, []byte(`"rec_7"`)) },
		Progress: func(r, d, all int64) { records, done, total = r, d, all },
	})
	if len(got) != 2 || !strings.Contains(got[1], "bad junk") {
		t.Errorf("%q", got)
	}
	if records != 40 || done != total || done != int64(len(text)+5) {
		t.Errorf("%d records, %d of %d bytes", records, done, total)
	}
}

// A writer takes what a crash has left off the end while the log is read: it is
// read as it is without that.
func TestReadShorter(t *testing.T) {
	dir := makeLog(t, 40)
	for _, gone := range []int64{1, 10, blockSize, 3*blockSize + 7} {
		s, err := TakeSnapshotFS(shortened{os.DirFS(dir), gone})
		if err != nil {
			t.Fatal(err)
		}
		for _, backward := range []bool{false, true} {
			if got := readAll(t, s, ReadOptions{Backward: backward}); len(got) != 40 {
				t.Errorf("%d bytes gone, backward %t: %d lines", gone, backward, len(got))
			}
		}
	}
}

// shortened is a file system whose files lose bytes once their size is known.
type shortened struct {
	fs.FS
	gone int64
}

func (s shortened) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if file, ok := f.(*os.File); ok && strings.HasSuffix(name, daySuffix) {
		return shortenedFile{file, s.gone}, err
	}
	return f, err
}

type shortenedFile struct {
	*os.File
	gone int64
}

func (f shortenedFile) Stat() (fs.FileInfo, error) {
	st, err := f.File.Stat()
	return shortenedInfo{st, f.gone}, err
}

type shortenedInfo struct {
	fs.FileInfo
	gone int64
}

func (i shortenedInfo) Size() int64 { return i.FileInfo.Size() + i.gone }

// A reading that is broken off or told to stop leaves nothing running, and a
// snapshot taken before gives the same again.
func TestReadStopped(t *testing.T) {
	dir := mixedLog(t)
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	longDir := t.TempDir()
	l := newLog(t, longDir, &clock{day0})
	for range 60 {
		add(t, l, strings.Repeat("x", blockSize))
	}
	long, err := TakeSnapshot(longDir)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for _, backward := range []bool{false, true} {
		for _, n := range []int{1, 2, 300, 920} {
			i := 0
			for _, err := range Read(t.Context(), s, ReadOptions{Backward: backward}, spoken) {
				if err != nil {
					t.Fatal(err)
				}
				if i++; i == n {
					break
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range Read(ctx, long, ReadOptions{Workers: 1}, spoken) {
		cancel()
		last = err
		n++
	}
	// Some blocks are read ahead, and a reader may pass a cancelled context by.
	if !errors.Is(last, context.Canceled) || n >= 60 {
		t.Errorf("%d lines, %v", n, last)
	}
	for late := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}

	if err := os.Remove(filepath.Join(dir, dayFile(day0))); err != nil {
		t.Fatal(err)
	}
	last = nil
	for _, err := range Read(t.Context(), s, ReadOptions{}, spoken) {
		last = err
	}
	if !errors.Is(last, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", last)
	}
}

// What is kept lasts, in any spelling of the record.
func TestEntryKeep(t *testing.T) {
	dir := makeLog(t, 2)
	day := dayFile(day0)
	lines := strings.SplitAfter(string(read(t, dir, day)), "\n")
	write(t, []byte(lines[0]+strings.Replace(lines[1], `,"prev_hash"`, `,"meta":{}, "prev_hash"`, 1)), dir, day)
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		k := e.Keep()
		raw, receipt, hash := string(e.Raw), string(e.Receipt), e.RecordHash
		clear(e.Raw)
		clear(e.Receipt)
		if string(k.Raw) != raw || string(k.Receipt) != receipt || k.RecordHash != hash || !strings.HasSuffix(raw, hash.String()+`"}`) {
			t.Errorf("kept %s %s, was %s %s", k.Raw, k.Receipt, raw, receipt)
		}
	}
}
