package chain

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// longReceipt is a receipt of n bytes.
func longReceipt(id string, now time.Time, n int) []byte {
	short := fmt.Sprintf(`{"id":"rec_%s","params_raw":"","ts":"%s","v":1}`, id, now.Format(event.TimeForm))
	return []byte(strings.Replace(short, `raw":"`, `raw":"`+strings.Repeat("A", n-len(short)), 1))
}

// Short and long receipts in one append and one after the other make the lines
// that they would make alone.
func TestLongReceipts(t *testing.T) {
	sizes := []int{200, maxCopied, maxCopied + 1, 300, maxWrite, maxWrite + 1, 13_000_000, 5 * maxWrite, 200}
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	var want []byte
	prev := genesis
	build := func(i int, at At) ([]byte, error) {
		r := longReceipt(fmt.Sprint(i), at.Time, sizes[i])
		var line []byte
		line, prev = appendRecord(nil, r, prev)
		want = append(want, line...)
		return r, nil
	}
	if _, err := l.Append(len(sizes), build); err != nil {
		t.Fatal(err)
	}
	for i := range sizes {
		if _, err := l.Append(1, func(_ int, at At) ([]byte, error) { return build(i, at) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, dir, dayFile(day0)); !bytes.Equal(got, want) {
		t.Errorf("%d bytes in the log, want %d", len(got), len(want))
	}
	mustBeWhole(t, dir, int64(2*len(sizes)))
}

// A long receipt is not copied.
func TestLongReceiptAllocation(t *testing.T) {
	l := newLog(t, t.TempDir(), &clock{day0})
	add(t, l, "a")
	long := longReceipt("b", day0, 13_000_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := l.Append(1, func(int, At) ([]byte, error) { return long, nil }); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 256<<10 {
		t.Errorf("%d bytes allocated", n)
	}
	for _, x := range l.batch.long[:cap(l.batch.long)] {
		if x.receipt != nil {
			t.Error("the receipt is held on to")
		}
	}
}

// A crash between two writes of a long record leaves half a line, which is set
// aside like any other.
func TestLongReceiptTorn(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir, &clock{day0})
	add(t, l, "a")
	start := len(read(t, dir, dayFile(day0)))
	if _, err := l.Append(1, func(_ int, at At) ([]byte, error) { return longReceipt("b", at.Time, 3*maxWrite), nil }); err != nil {
		t.Fatal(err)
	}
	whole := read(t, dir, dayFile(day0))
	for _, size := range []int{len(recordHead), len(recordHead) + maxWrite, len(recordHead) + 2*maxWrite, len(recordHead) + 3*maxWrite} {
		dir := t.TempDir()
		write(t, whole[:start+size], dir, dayFile(day0))
		l := newLog(t, dir, &clock{day0})
		add(t, l, "c")
		r := mustBeWhole(t, dir, 3)
		if got := ids(t, dir); got != "a torn_line c" || len(r.Quarantined) != 1 {
			t.Errorf("cut at %d: records %q, quarantined %+v", size, got, r.Quarantined)
		}
	}
}

// failing takes n writes.
type failing struct {
	bytes.Buffer
	n int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errors.New("no more")
	}
	return f.Buffer.Write(p)
}

// Whichever write fails, the error is told, and what was written before is the
// beginning of what should have been.
func TestBatchFails(t *testing.T) {
	var b batch
	prev := b.add(receipt("a", day0), genesis)
	prev = b.add(longReceipt("b", day0, maxWrite+maxCopied), prev)
	b.add(receipt("c", day0), prev)
	all := failing{n: 100}
	if err := b.write(&all); err != nil || int64(all.Len()) != b.size {
		t.Fatalf("%d bytes written of %d, %v", all.Len(), b.size, err)
	}
	writes := 100 - all.n
	for n := range writes {
		f := failing{n: n}
		if err := b.write(&f); err == nil || !bytes.HasPrefix(all.Bytes(), f.Bytes()) {
			t.Errorf("%d writes of %d: %v", n, writes, err)
		}
	}
	if writes != 4 {
		t.Errorf("%d writes, want 4", writes)
	}
}
