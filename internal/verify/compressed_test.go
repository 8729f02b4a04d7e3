package verify

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// compress compresses the days of a log.
func compress(t testing.TB, audit string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(audit, "*.jsonl"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		if err := os.WriteFile(name+".gz", out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// A log whose days are compressed verifies as before: as valid, and with the same heads.
func TestCompressed(t *testing.T) {
	l := newHeadsLog(t, 5)
	m := &SystemHeads{Log: l.first}
	add(m, l.head(l.signer, event.Head{Log: l.first}, 3), l.known)
	add(m, l.head(l.signer, event.Head{Log: l.first, Seq: 1}, 5), l.known)
	check := func() *Log { return l.check(Options{SystemHeads: []*SystemHeads{m}}) }
	before := check()
	if before.Completeness.SystemLog != "all" || before.Completeness.Heads.Records != 5 {
		t.Fatalf("before: %+v", before)
	}
	compress(t, l.audit)
	if after := check(); !reflect.DeepEqual(after, before) {
		t.Errorf("after: %+v\nbefore: %+v", after, before)
	}
}
