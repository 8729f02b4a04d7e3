package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sumOf(b []byte) Hash { return sha256.Sum256(b) }

// The last line cut at every length: nothing is lost but the line's own call,
// which was never forwarded; its bytes are kept, and the log verifies.
func TestTornAtEveryByte(t *testing.T) {
	whole := read(t, makeLog(t, 2), dayFile(day0))
	start := bytes.IndexByte(whole, '\n') + 1
	for size := start; size <= len(whole); size++ {
		dir := t.TempDir()
		write(t, whole[:size], dir, dayFile(day0))
		r := verify(t, dir)
		inside := size > start && size < len(whole)-1
		if (r.Torn != nil) != inside || r.Damaged != 0 {
			t.Fatalf("cut at %d: torn %+v, breaks %+v", size, r.Torn, r.Breaks)
		}
		l := New(dir, Options{Now: (&clock{day0}).now})
		add(t, l, "c")
		add(t, l, "d")
		l.Close()
		want, n := "0 1 c d", int64(4)
		switch {
		case size == start:
			want, n = "0 c d", 3
		case inside:
			want = "0 torn_line c d"
		}
		r = mustBeWhole(t, dir, n)
		if got := ids(t, dir); got != want {
			t.Fatalf("cut at %d: records %q, want %q", size, got, want)
		}
		if !inside {
			if len(r.Quarantined) != 0 || !bytes.HasPrefix(whole, whole[:size]) {
				t.Fatalf("cut at %d: quarantined %+v", size, r.Quarantined)
			}
			continue
		}
		kept := read(t, dir, fmt.Sprintf("%s.torn-%d", dayFile(day0), start))
		if !bytes.Equal(kept, whole[start:size]) {
			t.Fatalf("cut at %d: kept %q", size, kept)
		}
	}
}

// A whole last line without its newline is completed only if it is the next
// record; one that follows something else is quarantined.
func TestWholeLineWithoutNewline(t *testing.T) {
	dir := makeLog(t, 1)
	line, _ := appendRecord(nil, receipt("strange", day0), Hash{1})
	write(t, append(read(t, dir, dayFile(day0)), bytes.TrimSpace(line)...), dir, dayFile(day0))
	add(t, newLog(t, dir, &clock{day0}), "c")
	if got := ids(t, dir); got != "0 torn_line c" {
		t.Errorf("records %s", got)
	}
	mustBeWhole(t, dir, 3)
}

// The crash may also come while the torn line is being quarantined.
func TestCrashWhileQuarantining(t *testing.T) {
	day := dayFile(day0)
	whole := read(t, makeLog(t, 2), day)
	start := bytes.IndexByte(whole, '\n') + 1
	torn := whole[start : len(whole)-40]
	kept := fmt.Sprintf("%s.torn-%d", day, start)
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string
		aside int
	}{
		{"half copied", map[string][]byte{day: whole[:len(whole)-40], kept + ".pending": torn[:10]}, "0 torn_line torn_line c", 2},
		{"copied", map[string][]byte{day: whole[:len(whole)-40], kept + ".pending": torn}, "0 torn_line torn_line c", 2},
		{"cut off", map[string][]byte{day: whole[:start], kept + ".pending": torn}, "0 torn_line c", 1},
		{"the event torn too", map[string][]byte{day: append(whole[:start:start], `{"receipt":{"file":`...), kept + ".pending": torn}, "0 torn_line torn_line c", 2},
	} {
		dir := t.TempDir()
		for name, b := range tt.files {
			write(t, b, dir, name)
		}
		if r := verify(t, dir); len(r.Quarantined) != 1 || r.Quarantined[0].Recorded {
			t.Errorf("%s: before: %+v", tt.name, r.Quarantined)
		}
		add(t, newLog(t, dir, &clock{day0}), "c")
		if got := ids(t, dir); got != tt.want {
			t.Errorf("%s: records %q, want %q", tt.name, got, tt.want)
		}
		if r := mustBeWhole(t, dir, int64(len(strings.Fields(tt.want)))); len(r.Quarantined) != tt.aside {
			t.Errorf("%s: quarantined %+v", tt.name, r.Quarantined)
		}
		if !bytes.Equal(read(t, dir, kept), tt.files[kept+".pending"]) {
			t.Errorf("%s: a copy was overwritten", tt.name)
		}
	}
}

// The crash came after the event: it is told again, which does no harm.
func TestToldTwice(t *testing.T) {
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	whole := read(t, day)
	os.Truncate(day, int64(len(whole)-9))
	add(t, newLog(t, dir, &clock{day0}), "c")
	kept, err := filepath.Glob(filepath.Join(dir, "*.torn-*"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	os.Rename(kept[0], kept[0]+pendingSuffix)
	add(t, newLog(t, dir, &clock{day0}), "d")
	if got := ids(t, dir); got != "0 torn_line c torn_line d" {
		t.Errorf("records %s", got)
	}
	if r := mustBeWhole(t, dir, 5); len(r.Quarantined) != 1 {
		t.Errorf("quarantined %+v", r.Quarantined)
	}
}

// A name that is taken is not taken again.
func TestNothingOverwritten(t *testing.T) {
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	whole := read(t, day)
	os.Truncate(day, int64(len(whole)-9))
	kept := fmt.Sprintf("%s.torn-%d", day, bytes.IndexByte(whole, '\n')+1)
	write(t, []byte("older"), kept)
	add(t, newLog(t, dir, &clock{day0}), "c")
	if got := ids(t, dir); got != "0 torn_line c" {
		t.Errorf("records %s", got)
	}
	if got := string(read(t, kept)); got != "older" {
		t.Errorf("overwritten with %q", got)
	}
	if !bytes.HasSuffix(whole, append(read(t, kept+"-2"), whole[len(whole)-9:]...)) {
		t.Error("the torn line was not kept")
	}
}

// The disk fails while a torn line is quarantined: the append fails, nothing is
// lost, the next one mends it.
func TestQuarantineFails(t *testing.T) {
	for fails := range 3 {
		dir := makeLog(t, 2)
		day := filepath.Join(dir, dayFile(day0))
		os.Truncate(day, int64(len(read(t, day))-9))
		l := New(dir, Options{Now: (&clock{day0}).now})
		n := 0
		l.testOnlySync(func(*os.File) error {
			if n++; n == fails+1 {
				return errors.New("input/output error")
			}
			return nil
		})
		if _, err := l.Append(1, oneReceipt("lost")); err == nil {
			t.Fatalf("sync %d failed unnoticed", fails)
		}
		add(t, l, "c")
		l.Close()
		if got := ids(t, dir); got != "0 torn_line c" {
			t.Errorf("sync %d failed: records %s", fails, got)
		}
		mustBeWhole(t, dir, 3)
	}
}

// Torn files that were tampered with or taken away are not accounted for, and
// neither is one without an event.
func TestQuarantinedChanged(t *testing.T) {
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	os.Truncate(day, int64(len(read(t, day))-9))
	add(t, newLog(t, dir, &clock{day0}), "c")
	aside := mustBeWhole(t, dir, 3).Quarantined
	if len(aside) != 1 {
		t.Fatalf("quarantined %+v", aside)
	}
	kept := filepath.Join(dir, aside[0].File)
	bytes := read(t, kept)

	write(t, bytes[1:], kept)
	if got := verify(t, dir).Quarantined[0]; got.Kept || !got.Recorded {
		t.Errorf("changed: %+v", got)
	}
	os.Remove(kept)
	if got := verify(t, dir).Quarantined[0]; got.Kept || !got.Recorded {
		t.Errorf("removed: %+v", got)
	}
	write(t, bytes, kept)
	write(t, bytes, kept+"-2")
	if got := verify(t, dir).Quarantined; len(got) != 2 || got[1].Recorded {
		t.Errorf("one more: %+v", got)
	}
}

// TestPendingBesideKept: what is planted as a torn line to be reported takes neither
// the place of one that is kept under its name, nor of one that is gone.
func TestPendingBesideKept(t *testing.T) {
	for _, gone := range []bool{false, true} {
		dir := makeLog(t, 2)
		day := filepath.Join(dir, dayFile(day0))
		os.Truncate(day, int64(len(read(t, day))-9))
		add(t, newLog(t, dir, &clock{day0}), "c")
		kept := filepath.Join(dir, mustBeWhole(t, dir, 3).Quarantined[0].File)
		bytes := read(t, kept)
		if gone {
			os.Remove(kept)
		}
		write(t, []byte("planted"), kept+pendingSuffix)
		l := newLog(t, dir, &clock{day0})
		add(t, l, "d")
		add(t, l, "e")
		aside := verify(t, dir).Quarantined
		switch {
		case gone:
			if len(aside) != 1 || aside[0].Kept || !aside[0].Recorded {
				t.Errorf("in place of one that is gone: %+v", aside)
			}
		case len(aside) != 2 || !aside[0].Kept || !aside[0].Recorded || !aside[1].Kept || !aside[1].Recorded || string(read(t, kept)) != string(bytes):
			t.Errorf("beside one that is kept: %+v", aside)
		}
	}
	// A directory of that name does not cause more events.
	dir := makeLog(t, 2)
	planted := filepath.Join(dir, dayFile(day0)+tornInfix+"5")
	if err := os.Mkdir(planted, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, []byte("planted"), planted+pendingSuffix)
	l := newLog(t, dir, &clock{day0})
	for range 5 {
		add(t, l, "c")
	}
	if n := strings.Count(string(read(t, dir, dayFile(day0))), `"torn_line"`); n != 1 {
		t.Errorf("%d events of one file", n)
	}
}

// TestNoFileNamedTorn: what is named as a torn line and is no file is not accounted
// for, whatever events tell.
func TestNoFileNamedTorn(t *testing.T) {
	dir := makeLog(t, 2)
	day := filepath.Join(dir, dayFile(day0))
	os.Truncate(day, int64(len(read(t, day))-9))
	add(t, newLog(t, dir, &clock{day0}), "c")
	kept := filepath.Join(dir, mustBeWhole(t, dir, 3).Quarantined[0].File)
	planted := []string{kept + pendingSuffix, day + tornInfix + "5", day + tornInfix + "6" + pendingSuffix}
	for _, name := range planted {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, target := range []string{kept, "nowhere", day} {
		name := fmt.Sprintf("%s%s7%d", day, tornInfix, i)
		if err := os.Symlink(target, name); err != nil {
			t.Log("no links here: ", err)
			continue
		}
		planted = append(planted, name)
	}
	add(t, newLog(t, dir, &clock{day0}), "d")
	there := map[string]Quarantined{}
	for _, q := range verify(t, dir).Quarantined {
		there[q.File] = q
	}
	if q := there[filepath.Base(kept)]; len(there) != len(planted)+1 || !q.Recorded || !q.Kept {
		t.Errorf("%d of %d are reported, the true one as %+v", len(there), len(planted)+1, q)
	}
	for _, name := range planted {
		if q, ok := there[filepath.Base(name)]; !ok || q.Recorded || q.Kept {
			t.Errorf("%s is reported as %+v", filepath.Base(name), q)
		}
	}
}
