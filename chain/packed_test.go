package chain

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// packed is b as gzip makes it.
func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pack compresses a day file in place.
func pack(t testing.TB, path string) {
	t.Helper()
	write(t, packed(t, read(t, path)), path+packedSuffix)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// packAll compresses all day files of a copy of the log, which it returns.
func packAll(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "audit")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(to, "????-??-??.jsonl"))
	for _, name := range names {
		pack(t, name)
	}
	return to
}

// longLog is a log with lines longer than blocks.
func longLog(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	c := &clock{day0}
	l := newLog(t, dir, c)
	for i := range 12 {
		size := 900 << 10
		if i%3 == 0 {
			size = 10
		}
		_, err := l.Append(1, func(_ int, at At) ([]byte, error) {
			return fmt.Appendf(nil, `{"id":"rec_%d","pad":%q,"ts":"%s"}`, i, strings.Repeat("x", size), at.Time.Format("2006-01-02T15:04:05.000Z")), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	return dir
}

// A compressed log gives the same verdict and the same records, at the same places, from
// wherever it is read.
func TestCompressed(t *testing.T) {
	if testing.Short() {
		t.Skip("every cut of a file: nothing new for the race detector")
	}
	defer func(most int64) { maxInMemory = most }(maxInMemory)
	maxInMemory = 1 << 20 // more is in a temporary file
	torn := makeLog(t, 4)
	path := filepath.Join(torn, dayFile(day0))
	if err := os.WriteFile(path, bytes.TrimSuffix(read(t, torn, dayFile(day0)), []byte("\"}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"reference": "testdata/log/audit", "mixed": mixedLog(t), "torn": torn, "long": longLog(t),
	} {
		t.Run(name, func(t *testing.T) {
			plain, err := TakeSnapshot(dir)
			if err != nil {
				t.Fatal(err)
			}
			want := readIn(t, plain)
			small := packAll(t, dir)
			if names, _ := filepath.Glob(filepath.Join(small, "????-??-??.jsonl")); len(names) != 0 {
				t.Fatalf("left %v", names)
			}
			disk, err := TakeSnapshot(small)
			if err != nil {
				t.Fatal(err)
			}
			if got := readIn(t, disk); !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\nwant\n%+v", got.report, want.report)
			}
			inside, err := TakeSnapshotFS(inZip(t, small))
			if err != nil {
				t.Fatal(err)
			}
			if got := readIn(t, inside); !reflect.DeepEqual(got, want) {
				t.Errorf("in a zip archive: %+v\nwant\n%+v", got.report, want.report)
			}
			first, err := First(dir)
			if got, gerr := First(small); got != first || (err == nil) != (gerr == nil) {
				t.Errorf("first %v (%v), want %v (%v)", got, gerr, first, err)
			}
		})
	}
}

// A writer never appends to a compressed day, and the chain goes on after it.
func TestCompressedNewest(t *testing.T) {
	for name, later := range map[string]time.Duration{"another day": 24 * time.Hour, "the same day": time.Minute} {
		t.Run(name, func(t *testing.T) {
			dir := makeLog(t, 5)
			day := filepath.Join(dir, dayFile(day0))
			pack(t, day)
			small := read(t, day+packedSuffix)
			c := &clock{day0.Add(later)}
			l := newLog(t, dir, c)
			add(t, l, "after", "and after")
			c.Time = c.Add(time.Second)
			add(t, l, "again")
			l.Close()
			mustBeWhole(t, dir, 8)
			if !bytes.Equal(read(t, day+packedSuffix), small) {
				t.Error("the compressed file was changed")
			}
			if _, err := os.Stat(filepath.Join(dir, dayFile(c.Time))); err != nil {
				t.Error(err)
			}
		})
	}
}

// A compressed file of a day to come was planted: it is quarantined, as one that is not
// compressed.
func TestCompressedFuture(t *testing.T) {
	dir := makeLog(t, 5)
	future := filepath.Join(dir, dayFile(day0.AddDate(1, 0, 0)))
	write(t, packed(t, read(t, dir, dayFile(day0))), future+packedSuffix)
	l := New(dir, Options{NoSync: true, Now: (&clock{day0}).now, Check: func([]byte, Hash) (bool, bool) { return true, true }})
	add(t, l, "after")
	l.Close()
	r := mustBeWhole(t, dir, 7)
	if len(r.Quarantined) != 1 {
		t.Errorf("quarantined: %+v", r.Quarantined)
	}
}

// Whatever is done to the bytes of a compressed day shows, or changes no record.
func TestCompressedDamage(t *testing.T) {
	dir := makeLog(t, 20)
	c := &clock{day0.AddDate(0, 0, 1)}
	l := newLog(t, dir, c)
	add(t, l, "the next day")
	l.Close()
	s, err := TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := readIn(t, s)
	path := filepath.Join(dir, dayFile(day0))
	pack(t, path)
	path += packedSuffix
	good := read(t, path)
	why := "" // what the last one is called
	check := func(name string, bad []byte) {
		t.Helper()
		why = ""
		write(t, bad, path)
		s, err := TakeSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), s, VerifyOptions[struct{}]{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Damaged == 0 && !reflect.DeepEqual(readIn(t, s), want) {
			t.Errorf("%s: not seen", name)
		}
		if r.Damaged > 0 {
			for _, b := range r.Breaks {
				why += b.Detail + "; "
			}
			lines := 0
			for _, err := range s.Records(t.Context(), ReadOptions{Backward: true}) {
				if bad := (*LineError)(nil); err != nil && !errors.As(err, &bad) {
					t.Fatalf("%s: backward: %v", name, err)
				}
				lines++
			}
			if lines == 0 {
				t.Errorf("%s: nothing is read backward", name)
			}
		}
	}
	for i := 0; i < len(good); i += 1 + i/32 { // each byte of the header
		check(fmt.Sprintf("byte %d", i), append(append(bytes.Clone(good[:i]), good[i]^0x41), good[i+1:]...))
	}
	for n := 0; n < len(good); n += 101 {
		check(fmt.Sprintf("cut to %d bytes", n), good[:n])
	}
	says := func(want string) {
		t.Helper()
		if !strings.Contains(why, want) {
			t.Errorf("%q, want %q", why, want)
		}
	}
	check("cut", good[:len(good)/2])
	says("it ends too early")
	check("not gzip", []byte("{\"receipt\":{}}\n"))
	says("what comes here is not gzip")
	check("another checksum", append(append(bytes.Clone(good[:len(good)-8]), good[len(good)-8]^1), good[len(good)-7:]...))
	says("has another checksum")
	check("more at the end", append(bytes.Clone(good), "more, which is no gzip"...))
	says("what comes here is not gzip")
	check("a second part, empty", append(bytes.Clone(good), packed(t, nil)...))
	whole := readPacked(t, good)
	half := bytes.IndexByte(whole[len(whole)/2:], '\n') + len(whole)/2 - 3 // within a line
	check("in two parts", append(packed(t, whole[:half]), packed(t, whole[half:])...))
	if why != "" {
		t.Errorf("in two parts: %s", why)
	}
	check("a second part, doubled", append(bytes.Clone(good), good...))
}

// readPacked is what was compressed.
func readPacked(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A file that expands to much more than records can is damage, and not read on.
func TestCompressedBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("large files: nothing new for the race detector")
	}
	defer func(least int64) { packedLeast = least }(packedLeast)
	packedLeast = 4 << 20
	for name, fill := range map[string]string{"blank lines": "\n", "one line": " "} {
		dir := makeLog(t, 5)
		write(t, packed(t, []byte(strings.Repeat(fill, 64<<20))), dir, dayFile(day0.AddDate(0, 0, -1))+packedSuffix)
		s, err := TakeSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Verify(context.Background(), s, VerifyOptions[struct{}]{})
		if err != nil || r.Damaged == 0 || r.Bytes > 16<<20 {
			t.Errorf("%s: %d bytes read, breaks %+v, %v", name, r.Bytes, r.Breaks, err)
		}
	}
}

// If both files of a day are there, a program was killed while it compressed the day: the
// one that is not compressed counts, and writers go on in it.
func TestCompressedBoth(t *testing.T) {
	dir := makeLog(t, 5)
	write(t, packed(t, []byte("{}\n")), dir, dayFile(day0)+packedSuffix)
	mustBeWhole(t, dir, 5)
	l := newLog(t, dir, &clock{day0})
	add(t, l, "after")
	l.Close()
	r := mustBeWhole(t, dir, 6)
	if !reflect.DeepEqual(r.Both, []string{dayFile(day0)}) {
		t.Errorf("both: %v", r.Both)
	}
}
