package verify

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
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
