package verify

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// archive takes the day of l away, and leaves ends that change may change, with an event
// that fits them. It returns the event's id.
func (l *headsLog) archive(change func(n int, e *chain.RecordEnd)) string {
	l.t.Helper()
	var ends []byte
	var tree tlog.Tree
	a := event.Archived{Action: "deleted"}
	end := int64(0)
	for n, line := range l.lines {
		e, err := chain.ParseEntry(line)
		if err != nil {
			l.t.Fatal(err)
		}
		end += int64(len(line)) + 1
		x := chain.RecordEnd{File: l.day, End: end, Hash: e.RecordHash}
		change(n, &x)
		ends = chain.AppendEnd(ends, x)
		tree.Append(nil, tlog.Leaf(x.Hash))
		a.Records++
	}
	a.Files = []event.ArchivedFile{{File: l.day, End: end, Records: a.Records}}
	a.Root, a.Ends = tree.Root().String(), sha256.Sum256(ends)
	var id string
	log := chain.New(l.audit, chain.Options{NoSync: true})
	defer log.Close()
	_, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) {
		r, err := l.signer.Event(a, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		id = r.ID
		return r.Record, nil
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(l.audit, chain.EndsFile(l.day)), ends, 0o600)
	}
	if err == nil {
		err = os.Remove(filepath.Join(l.audit, l.day))
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// Heads of archived days are compared with their ends. Who rewrote the days before they
// were archived, with the key and an event that fits, is found out by the heads.
func TestHeadsOfArchivedDays(t *testing.T) {
	for name, x := range map[string]struct {
		change func(n int, e *chain.RecordEnd)
		met    bool
	}{
		"as it was": {func(int, *chain.RecordEnd) {}, true},
		"a record rewritten": {func(n int, e *chain.RecordEnd) {
			if n == 2 {
				e.Hash[0] ^= 1
			}
		}, false},
		"a record longer": {func(n int, e *chain.RecordEnd) {
			if n >= 1 {
				e.End += 5
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newHeadsLog(t, 5)
			m := &SystemHeads{Log: l.first}
			add(m, l.head(l.signer, event.Head{Log: l.first}, 3), l.known)
			add(m, l.head(l.signer, event.Head{Log: l.first, Seq: 1}, 5), l.known)
			id := l.archive(x.change)
			if first, err := chain.First(l.audit); err != nil || first != l.first {
				t.Errorf("the log is now %v (%v)", first, err)
			}
			check := func(keep time.Duration, accept ...string) *Log {
				return l.check(Options{SystemHeads: []*SystemHeads{m}, Accept: accept, Retention: keep})
			}
			const day = 24 * time.Hour
			f := check(day)
			if h := f.Completeness.Heads; h.Tampered() == x.met || x.met && (h.Records != 5 || h.After != 1) {
				t.Fatalf("heads: %+v", h)
			}
			if !x.met {
				if f := check(day, id); f.Verdict != Tampered {
					t.Errorf("accepted: %+v", f)
				}
				return
			}
			if a := f.Completeness.Archived; f.Verdict != Unconfirmed || a.Open != 1 || a.Young != 0 || a.Events[0].ID != id {
				t.Errorf("%s: %+v", f.Verdict, a)
			}
			if a := check(day, id).Completeness.Archived; a.Open != 0 || a.open() {
				t.Errorf("accepted: %+v", a)
			}
			if f := check(3650 * day); f.Verdict != Tampered || f.Completeness.Archived.Young != 1 {
				t.Errorf("before the retention is over: %s, %+v", f.Verdict, f.Completeness.Archived)
			}
			if f := check(3650*day, id); f.Completeness.Archived.Tampered() {
				t.Errorf("accepted before the retention is over: %+v", f.Completeness.Archived)
			}
		})
	}
}

// What others kept of days that are gone: records are compared with the ends, receipts
// alone cannot be looked for, and what is of a later day has to be there.
func TestKeptOfArchivedDays(t *testing.T) {
	kept := func(l *headsLog, change func(i int, e chain.Entry) []byte) *Expected {
		t.Helper()
		var all []byte
		for i, line := range l.lines {
			e, err := chain.ParseEntry(line)
			if err != nil {
				t.Fatal(err)
			}
			all = append(append(all, change(i, e)...), '\n')
		}
		_, k, err := ReadAgainst(bytes.NewReader(all), "kept", l.known, l.first)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	asRecord := func(_ int, e chain.Entry) []byte { return e.Raw }
	asReceipt := func(_ int, e chain.Entry) []byte { return e.Receipt }
	for _, x := range []struct {
		name    string
		kept    func(i int, e chain.Entry) []byte
		archive func(n int, e *chain.RecordEnd)
		verdict Verdict
	}{
		{"records", asRecord, func(int, *chain.RecordEnd) {}, Valid},
		{"receipts", asReceipt, func(int, *chain.RecordEnd) {}, Unconfirmed},
		// The agent rewrote the day before it archived it.
		{"records that were changed", asRecord, func(n int, e *chain.RecordEnd) {
			if n == 2 {
				e.Hash[0] ^= 1
			}
		}, Unconfirmed},
		// A record with a receipt that is not the one that its hash is of.
		{"false records", func(_ int, e chain.Entry) []byte {
			return bytes.Replace(e.Raw, []byte(e.PrevHash.String()), []byte(e.RecordHash.String()), 1)
		}, func(int, *chain.RecordEnd) {}, Unconfirmed},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := newHeadsLog(t, 5)
			k := kept(l, x.kept)
			id := l.archive(x.archive)
			f := l.check(Options{Expected: []*Expected{k}, Accept: []string{id}, Retention: 24 * time.Hour})
			if e := f.Completeness.Expected[0]; f.Verdict != x.verdict || e.Looked < 2 || (e.Gone > 0) != (x.verdict != Valid) {
				t.Errorf("%s: %+v", f.Verdict, e)
			}
		})
	}
	// A call of the day after, which the agent took out: archiving the day before does
	// not cover it.
	l := newHeadsLog(t, 5)
	l.archive(func(int, *chain.RecordEnd) {})
	other := newHeadsLog(t, 1)
	var call []byte
	log := chain.New(other.audit, chain.Options{NoSync: true}) // today
	defer log.Close()
	if _, err := log.Append(1, func(_ int, at chain.At) (receipt []byte, err error) {
		call, err = testlog.Call(l.signer, sign.Action{Tool: "x", Target: "mcp://x", Session: "ses_" + strings.Repeat("1", 32)}, at)
		return call, err
	}); err != nil {
		t.Fatal(err)
	}
	_, k, err := ReadAgainst(bytes.NewReader(call), "kept", l.known, l.first)
	if err != nil {
		t.Fatal(err)
	}
	if f := l.check(Options{Expected: []*Expected{k}, Retention: 24 * time.Hour}); f.Verdict != Tampered || f.Completeness.Expected[0].Gone != 0 {
		t.Errorf("a later call: %s, %+v", f.Verdict, f.Completeness.Expected)
	}
}
