package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func numbered(prefix string, i int) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(i)))
	return prefix + hex.EncodeToString(sum[:16])
}

var by = []sign.Party{{Role: "agent", Name: "a", Key: make(ed25519.PublicKey, 32)}}

func askedBy(i int, session string) *sign.Verified {
	return &sign.Verified{Version: 1, ID: numbered("rec_", i), Session: session, Tool: "t", Signers: by}
}

func answerTo(v *sign.Verified) *sign.Verified {
	a := *v
	a.Version, a.ID, a.ParentID = 2, numbered("rec_", 1000+len(v.ID)), v.ID
	return &a
}

func said(e event.Event, session string) *sign.Verified {
	return &sign.Verified{Version: 1, Type: e.Type(), Event: e, Session: session, Signers: by}
}

func TestOutcomes(t *testing.T) {
	o := newOutcomes()
	one, two, three, four := askedBy(1, "ses_a"), askedBy(2, "ses_a"), askedBy(3, "ses_a"), askedBy(4, "ses_a")
	forged := answerTo(two)
	forged.Tool = "another"
	later := answerTo(four)
	later.Time = later.Time.Add(time.Second)
	other := answerTo(two)
	other.Signers = []sign.Party{{Role: "agent", Name: "b", Key: []byte(strings.Repeat("b", 32))}}
	again := answerTo(one)
	again.ID = numbered("rec_", 7)
	for _, v := range []*sign.Verified{
		one, said(event.Session{Session: "ses_a"}, "ses_a"), two, three, four,
		askedBy(5, "ses_b"), // which does not record outcomes
		askedBy(6, "by hand"),
		forged, other, later, // believed by nobody
		answerTo(one), answerTo(one), again, answerTo(askedBy(6, "by hand")), answerTo(askedBy(9, "ses_a")),
		said(event.Unanswered{Session: "ses_a", Calls: []event.Call{{ID: three.ID}, {ID: numbered("rec_", 9)}}}, "ses_a"),
		said(event.ExtraResponse{Session: "ses_a", Call: one.ID}, "ses_a"),
		said(event.Unanswered{Session: "ses_x", Calls: []event.Call{{ID: two.ID}}}, "ses_x"),
	} {
		o.see(v)
	}
	gaps, notes := o.findings(false)
	want := []string{
		"4 outcomes of another signer, session, tool, target or time than the call: not believed",
		"1 outcome copied: the log has the same receipt earlier",
		"2 outcomes of calls that are not in the log, or that had an outcome at least 10,000 calls before",
		"2 further responses to calls that had one: the first counts, and clients may differ",
		"1 call without a response: the log says so, and why",
		"2 calls without an outcome: in flight now, or the wrapper was killed",
	}
	if got := strings.Join(append(gaps, notes...), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("%s", got)
	}
	if gaps, _ := o.findings(true); len(gaps) != 2 {
		t.Errorf("in part of a log: %q", gaps)
	}
}

// A log of more calls without outcomes, or sessions, than are counted takes a
// bounded amount of memory while they are counted, and none from there on.
func TestOutcomesBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector itself takes memory")
	}
	for name, session := range map[string]func(i int) string{
		"calls":    func(int) string { return "ses_a" },
		"sessions": func(i int) string { return numbered("ses_", i) },
		"names":    func(i int) string { return numbered("ses_", i) + strings.Repeat("x", 300) },
	} {
		runtime.GC()
		var before, full, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o := newOutcomes()
		for i := range maxCounted {
			o.see(askedBy(i, session(i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&full)
		for i := range 10 {
			o.see(askedBy(maxCounted+i, session(maxCounted+i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		t.Logf("%s: %d MB", name, (full.HeapAlloc-before.HeapAlloc)>>20)
		if mb := (full.HeapAlloc - before.HeapAlloc) >> 20; mb > 250 || o.join != nil {
			t.Errorf("%s: %d MB", name, mb)
		}
		if after.HeapAlloc > before.HeapAlloc+1<<20 {
			t.Errorf("%s: %d MB are kept", name, (after.HeapAlloc-before.HeapAlloc)>>20)
		}
		if gaps, notes := o.findings(false); len(gaps) != 0 || len(notes) != 1 {
			t.Errorf("%s: %q, %q", name, gaps, notes)
		}
	}
}
