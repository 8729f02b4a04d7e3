package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func numbered(prefix string, i int) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(i)))
	return prefix + hex.EncodeToString(sum[:16])
}

func askedBy(i int, session string) checked {
	return checked{v: &sign.Verified{Version: 1, ID: numbered("rec_", i), Session: session}}
}

func answerTo(id string) checked {
	return checked{v: &sign.Verified{Version: 2, ID: "rec_", ParentID: id}}
}

func began(session string) checked {
	return checked{v: &sign.Verified{Version: 1, Type: "session", Event: event.Session{Session: session}}}
}

func TestCalls(t *testing.T) {
	c := newCalls()
	for _, r := range []checked{
		askedBy(1, "ses_a"), began("ses_a"), askedBy(2, "ses_a"), askedBy(3, "ses_a"), askedBy(4, "ses_a"),
		askedBy(5, "ses_b"), // which does not record outcomes
		askedBy(6, "by hand"),
		answerTo(numbered("rec_", 1)), answerTo(numbered("rec_", 1)), answerTo(numbered("rec_", 6)),
		answerTo(strings.ToUpper(numbered("rec_", 2))), answerTo("rec_2"), // no ids
		{v: &sign.Verified{Type: "unanswered", Event: event.Unanswered{Calls: []event.Call{{ID: numbered("rec_", 3)}, {ID: numbered("rec_", 9)}}}}},
	} {
		c.see(r)
	}
	gaps, notes := c.findings()
	if got, want := fmt.Sprint(gaps, notes), "[4 outcomes of calls that are not in the log] [1 call never answered: audit --open lists them "+
		"2 calls without an outcome: in flight now, or the wrapper was killed]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A log of more calls without outcomes, or sessions, than are counted takes a
// bounded amount of memory while they are counted, and none from there on.
func TestCallsBounded(t *testing.T) {
	for name, session := range map[string]func(i int) string{
		"calls":    func(int) string { return "ses_a" },
		"sessions": func(i int) string { return numbered("ses_", i) },
		"names":    func(i int) string { return numbered("ses_", i) + strings.Repeat("x", 300) },
	} {
		runtime.GC()
		var before, full, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := newCalls()
		for i := range maxCounted {
			c.see(askedBy(i, session(i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&full)
		for i := range 10 {
			c.see(askedBy(maxCounted+i, session(maxCounted+i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		t.Logf("%s: %d MB", name, (full.HeapAlloc-before.HeapAlloc)>>20)
		if mb := (full.HeapAlloc - before.HeapAlloc) >> 20; mb > 200 || !c.tooMany {
			t.Errorf("%s: %d MB", name, mb)
		}
		if after.HeapAlloc > before.HeapAlloc+1<<20 {
			t.Errorf("%s: %d MB are kept", name, (after.HeapAlloc-before.HeapAlloc)>>20)
		}
		if gaps, notes := c.findings(); len(gaps) != 0 || len(notes) != 1 {
			t.Errorf("%s: %q, %q", name, gaps, notes)
		}
	}
}
