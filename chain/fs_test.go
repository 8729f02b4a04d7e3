package chain

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

//go:embed testdata/log/audit
var embedded embed.FS

// inMap is the directory dir as a fstest.MapFS.
func inMap(t *testing.T, dir string) fs.FS {
	t.Helper()
	m := fstest.MapFS{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		m[e.Name()] = &fstest.MapFile{Data: read(t, dir, e.Name()), Mode: 0o600}
	}
	return m
}

// inZip is the directory dir in a zip archive, whose files have no ReadAt.
func inZip(t *testing.T, dir string) fs.FS {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A log gives the same verdict and the same records wherever it is read from.
func TestFileSystems(t *testing.T) {
	torn := makeLog(t, 4)
	path := filepath.Join(torn, dayFile(day0))
	if err := os.WriteFile(path, bytes.TrimSuffix(read(t, torn, dayFile(day0)), []byte("\"}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	quarantined := makeLog(t, 2)
	appendTo(t, filepath.Join(quarantined, dayFile(day0)), []byte("{half"))
	add(t, newLog(t, quarantined, &clock{day0}), "after")

	dirs := map[string]string{
		"reference": "testdata/log/audit", "mixed": mixedLog(t), "torn": torn, "quarantined": quarantined,
		"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "no"),
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			disk, err := TakeSnapshot(dir)
			if err != nil {
				t.Fatal(err)
			}
			systems := map[string]fs.FS{"os.DirFS": os.DirFS(dir)}
			if name != "missing" {
				systems["zip"] = inZip(t, dir)
				systems["map"] = inMap(t, dir)
			}
			if name == "reference" {
				if systems["embed"], err = fs.Sub(embedded, dir); err != nil {
					t.Fatal(err)
				}
			}
			want := readIn(t, disk)
			for system, fsys := range systems {
				s, err := TakeSnapshotFS(fsys)
				if err != nil {
					t.Errorf("%s: %v", system, err)
					continue
				}
				if got := readIn(t, s); !reflect.DeepEqual(got, want) {
					t.Errorf("%s:\n%+v\nwant\n%+v", system, got, want)
				}
			}
		})
	}
}

// reading is all that can be read of a log.
type reading struct {
	report            *Report
	forward, backward []string
	from              []string // from the third line on
}

func readIn(t *testing.T, s *Snapshot) (all reading) {
	t.Helper()
	var err error
	if all.report, err = Verify(t.Context(), s, VerifyOptions[struct{}]{}); err != nil {
		t.Fatal(err)
	}
	all.forward = readAll(t, s, ReadOptions{})
	all.backward = readAll(t, s, ReadOptions{Backward: true})
	if !slices.Equal(reversed(all.backward), all.forward) {
		t.Error("backward is not forward, reversed")
	}
	n := 0
	for e := range s.Records(t.Context(), ReadOptions{}) {
		if n++; n == 3 {
			all.from = readAll(t, s, ReadOptions{From: e.Position()})
			break
		}
	}
	return all
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// What is not a regular file is refused in any file system.
func TestFileSystemIrregular(t *testing.T) {
	for _, mode := range []fs.FileMode{fs.ModeSymlink, fs.ModeDir, fs.ModeNamedPipe} {
		_, err := TakeSnapshotFS(fstest.MapFS{dayFile(day0): {Mode: mode | 0o600}})
		if err == nil {
			t.Errorf("%v is taken for a day file", mode)
		}
	}
}

// The directory's own file system opens no file elsewhere.
func TestDirStays(t *testing.T) {
	dir := t.TempDir()
	write(t, []byte("secret"), dir, "secret")
	inside := filepath.Join(dir, "audit")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../secret", "x/../../secret", filepath.Join(dir, "secret"), "..", "", `..\secret`} {
		if f, err := dirFS(inside).Open(name); err == nil {
			f.Close()
			t.Errorf("%q is open", name)
		}
	}
}

// A file without ReadAt is read once, from its beginning to its end.
func TestSequential(t *testing.T) {
	dir := mixedLog(t)
	counted := &countingFS{FS: inZip(t, dir), opened: map[string]int{}}
	s, err := TakeSnapshotFS(counted)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range s.Records(context.Background(), ReadOptions{}) {
		if n++; err != nil && !errors.As(err, new(*LineError)) {
			t.Fatal(err)
		}
	}
	if n == 0 {
		t.Fatal("no records")
	}
	for name, times := range counted.opened {
		// Once more for the line that does not fit in a block.
		if strings.HasSuffix(name, daySuffix) && times > 3 {
			t.Errorf("%s was opened %d times", name, times)
		}
	}
}

// countingFS counts how often a file is opened.
type countingFS struct {
	fs.FS
	opened map[string]int
}

func (c *countingFS) Open(name string) (fs.File, error) {
	c.opened[name]++
	return c.FS.Open(name)
}

// A file that ends before its size is an error, not the end of the log.
func TestSequentialShort(t *testing.T) {
	s := &sequential{f: readOnly{strings.NewReader("abc")}}
	if n, err := s.ReadAt(make([]byte, 2), 0); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.ReadAt(make([]byte, 4), 1); n != 2 || err != io.EOF {
		t.Error(n, err)
	}
	if n, err := s.ReadAt(make([]byte, 4), 9); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
}

type readOnly struct{ io.Reader }

func (readOnly) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
func (readOnly) Close() error               { return nil }

// A log in a program verifies, in WebAssembly too, where nothing can be written:
// see the Makefile.
func TestEmbedded(t *testing.T) {
	audit, err := fs.Sub(embedded, "testdata/log/audit")
	if err != nil {
		t.Fatal(err)
	}
	s, err := TakeSnapshotFS(audit)
	if err != nil {
		t.Fatal(err)
	}
	all := readIn(t, s)
	if r := all.report; r.Records != 21 || r.Damaged != 0 || len(all.forward) != 21 {
		t.Errorf("%+v", all)
	}
}
