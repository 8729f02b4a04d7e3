package sign

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// A parent set after Prepare makes the same receipt as one set before.
func TestSetParent(t *testing.T) {
	s := testSigner(t)
	var prev Hash
	for name, a := range map[string]Action{
		"in canonical form": {Tool: "add", Arguments: []byte(`{"b":1,"a":"params_hash"}`), Target: "mcp://x", Session: "s", CallID: "n:1", TraceID: "t"},
		"by the bytes":      {Tool: "add", Arguments: []byte(`{"a":9007199254740993}`), Target: "mcp://x"},
		"hash only":         {Tool: "add", Arguments: []byte(`{"a":9007199254740993}`), HashOnly: true},
		"no arguments":      {},
	} {
		for _, parent := range []string{"", "rec_0123456789abcdef0123456789abcdef", strings.Repeat(`"`, 500)} {
			before := a
			before.ParentID = parent
			want, err := s.Prepare(before)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Prepare(a)
			if err != nil {
				t.Fatal(err)
			}
			got.SetParent(parent)
			if parent != "" {
				got.SetParent("another")
				want.SetParent("another")
			}
			for range 2 {
				x, err := got.SignAt(testTime, prev)
				if err != nil {
					t.Fatal(err)
				}
				y, err := want.SignAt(testTime, prev)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(x.Record, y.Record) || !bytes.Equal(x.JSON, y.JSON) {
					t.Errorf("%s, parent %q:\n%s\nwant\n%s", name, parent, x.Record, y.Record)
				}
				if v := wantValid(t, x.Record); v.ParentID != parent {
					t.Errorf("%s: parent %q, want %q", name, v.ParentID, parent)
				}
				got.SetParent("too late")
			}
		}
	}
}

// Arguments of 10 MB are written once, in base64, whether or not there is a
// parent and however often the receipt is looked at.
func TestBigAllocation(t *testing.T) {
	s := testSigner(t)
	arguments := longString(10_000_000)
	allocated := func(a Action) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, err := s.Prepare(a)
		if err != nil {
			t.Fatal(err)
		}
		d.SetParent("rec_0123456789abcdef0123456789abcdef")
		if _, err := d.SignAt(testTime, Hash{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if n, most := allocated(Action{Tool: "write", Arguments: arguments}), uint64(len(arguments)*4/3+100<<10); n > most {
		t.Errorf("%d bytes, more than %d", n, most)
	}
	if n := allocated(Action{Tool: "write", Arguments: arguments, HashOnly: true}); n > 100<<10 {
		t.Errorf("hash only: %d bytes", n)
	}
}
