package export

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/envelope"
)

// smallDisk is a directory on a disk of its own that is full, and what makes room on it.
func smallDisk(t *testing.T) (dir string, room func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no disk of its own here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		err = nil
	}
	return dir, func() {
		if err := os.Remove(filler); err != nil {
			t.Error(err)
		}
	}
}

// A disk that is full holds an export to a file up, and when there is room the file has all,
// once. Without --follow it is given up.
func TestFullDiskOfFile(t *testing.T) {
	dir, room := smallDisk(t)
	audit, lines := logOf(t, 1500)
	out := filepath.Join(dir, "out")
	export := func(giveUp time.Duration, say func(string)) error {
		t.Helper()
		sink, err := NewFile(out, Records, envelope.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(context.Background(), Options{Log: audit, Format: Records, Sink: sink, GiveUp: giveUp, Say: say})
		return err
	}
	if err := export(time.Nanosecond, nil); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
	if st, err := os.Stat(out); err != nil || st.Size() != 0 {
		t.Errorf("a part of a batch is left: %v, %v", st, err)
	}
	said := atomic.Bool{}
	if err := export(time.Minute, func(problem string) {
		if strings.Contains(problem, "no space left") && !said.Swap(true) {
			room()
		}
	}); err != nil || !said.Load() {
		t.Errorf("%v", err)
	}
	b, err := os.ReadFile(out)
	if err != nil || string(b) != strings.Join(lines, "\n")+"\n" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A cursor for which there is no room stays as it was, and the export goes on. What comes
// after a kill is sent again.
func TestFullDiskOfCursor(t *testing.T) {
	dir, room := smallDisk(t)
	audit, lines := logOf(t, 1500)
	cursor, err := OpenCursor(filepath.Join(dir, "cursor"))
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var said []string
	c := newCollector(t, nil)
	sent := 0
	sink := &watched{sinkTo(t, c.URL), func() {
		if sent++; sent == 3 {
			room()
			cancel()
		}
	}}
	_, err = Run(ctx, Options{Log: audit, Format: OTLP, Follow: true, Sink: sink, Cursor: cursor, Every: time.Millisecond,
		Say: func(s string) { said = append(said, s) }})
	if err != nil || cursor.RecordHash == "" {
		t.Errorf("%v, %+v", err, cursor)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "no space left") {
		t.Errorf("%q", all)
	}
	if !inOrder(lines[:len(c.bodies)], c.bodies) {
		t.Errorf("%d bodies", len(c.bodies))
	}
	if again, err := OpenCursor(filepath.Join(dir, "cursor")); err == nil {
		again.Close()
		t.Error("two exports have one cursor")
	}
	cursor.Close()
	again, err := OpenCursor(filepath.Join(dir, "cursor"))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
