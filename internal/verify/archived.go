package verify

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// DefaultRetention is how long days of a log are kept if the system's configuration says
// nothing.
const DefaultRetention = 180 * 24 * time.Hour

// Archived is what was taken from the log's directory, and by whose word. It is part of
// Completeness.
type Archived struct {
	Days    int       `json:"days"`             // that are not there
	From    string    `json:"from,omitempty"`   // the first of them
	To      string    `json:"to,omitempty"`     // the last
	Records int64     `json:"records"`          // in them
	Events  []Removal `json:"events,omitempty"` // by which they were taken away
	Wrong   []string  `json:"wrong,omitempty"`  // what does not agree with an event, or has none; a phrase each
	Young   int       `json:"young_days"`       // taken away before the retention was over, and not accepted
	Keep    int       `json:"retention_days"`   // for how many days a log is kept here
	Open    int       `json:"unaccepted_days"`  // of Days, that nobody outside of the account has accepted
}

// A Removal is an archived event of days that are not there any more.
type Removal struct {
	ID       string `json:"id"`
	Pubkey   string `json:"pubkey"` // who signed it
	Name     string `json:"name"`
	Time     string `json:"time"`
	Action   string `json:"action"` // "moved" or "deleted"
	From     string `json:"from"`   // the first day
	To       string `json:"to"`
	Days     int    `json:"days"`
	Young    int    `json:"young_days"` // of them, taken away before the retention was over
	Accepted bool   `json:"accepted"`
}

// archives follows what archived events say of the log.
type archives struct {
	keep    time.Duration
	wanted  bool // something was archived
	tree    tlog.Tree
	stored  []byte    // of tree, not used
	sum     hash.Hash // of the ends of all records
	buf     []byte
	file    string          // of the newest record
	ends    map[int64]ended // roots after the last record of each day, by their sizes
	events  []seenArchive
	tooMany bool
}

type seenArchive struct {
	event.Archived
	removal Removal
	at      time.Time
}

// maxArchives bounds how many events are looked at.
const maxArchives = 10_000

func newArchives(log *chain.Snapshot, keep time.Duration) *archives {
	if keep <= 0 {
		keep = DefaultRetention
	}
	return &archives{keep: keep, wanted: log.HasEnds(), sum: sha256.New(), ends: map[int64]ended{}}
}

// record takes all records, those of archived days, too.
func (a *archives) record(e chain.RecordEnd) {
	if !a.wanted {
		return
	}
	if e.File != a.file {
		a.dayEnds()
		a.file = e.File
	}
	a.stored = a.tree.Append(a.stored[:0], tlog.Leaf(e.Hash))
	a.buf = chain.AppendEnd(a.buf[:0], e)
	a.sum.Write(a.buf)
}

func (a *archives) dayEnds() {
	if a.wanted {
		a.ends[a.tree.Size()] = ended{a.tree.Root().String(), chain.Hash(a.sum.Sum(nil))}
	}
}

// ended is the end of a day.
type ended struct {
	root string
	ends chain.Hash
}

// believe takes what is believed, in its order.
func (a *archives) believe(v *sign.Verified, maintained bool) {
	e, ok := v.Event.(event.Archived)
	if !ok {
		return
	}
	if len(a.events) >= maxArchives {
		a.tooMany = true
		return
	}
	by := v.Signers[len(v.Signers)-1]
	a.events = append(a.events, seenArchive{Archived: e, at: v.Time, removal: Removal{
		ID: v.ID, Pubkey: FormatKey(by.Key), Name: text.Clip(by.Name, maxClip), Time: formatTime(v.Time), Action: text.Clip(e.Action, maxClip), Accepted: maintained,
	}})
}

// finding says what is gone. Whoever has the account can sign an event: it explains, and
// excuses nothing.
func (a *archives) finding(r *chain.Report, accept []string, now time.Time) *Archived {
	f := &Archived{Days: len(r.Gone), Records: r.Archived, Keep: int(a.keep / (24 * time.Hour))}
	wrong := func(format string, args ...any) {
		if len(f.Wrong) < maxListed {
			f.Wrong = append(f.Wrong, text.Clip(fmt.Sprintf(format, args...), 2*maxClip))
		}
	}
	for _, bad := range r.BadEnds {
		wrong("%s", bad)
	}
	if a.tooMany {
		wrong("more than %d archived events", maxArchives)
	}
	a.dayEnds()
	gone := r.Gone // those of no event so far
	if len(gone) > 0 {
		f.From, f.To = day(gone[0]), day(gone[len(gone)-1])
	}
	for i := range a.events {
		e := &a.events[i]
		if !a.wanted {
			break // no day has ends, so none is known to be gone: else the chain is broken
		}
		if at, ok := a.ends[e.Before+e.Records]; !ok || at != (ended{e.Root, e.Ends}) {
			wrong("the days up to %s are not those that %s has archived, or their ends are not", day(lastFile(e.Files)), e.removal.ID)
			continue
		}
		if e.Action == "compressed" {
			continue
		}
		n := 0
		for n < len(gone) && gone[n] <= lastFile(e.Files) {
			n++
		}
		if n == 0 {
			continue
		}
		m := &e.removal
		m.From, m.To, m.Days = day(gone[0]), day(gone[n-1]), n
		at := e.at
		if now.Before(at) {
			at = now // it cannot have been later
		}
		for _, file := range gone[:n] {
			if end, err := dayOf(file); err == nil && end.AddDate(0, 0, 1).After(at.Add(-a.keep)) {
				m.Young++
			}
		}
		if m.Accepted = m.Accepted || slices.Contains(accept, m.ID); !m.Accepted {
			f.Young += m.Young
			f.Open += n
		}
		if len(f.Events) < maxListed {
			f.Events = append(f.Events, *m)
		}
		gone = gone[n:]
	}
	if len(gone) > 0 {
		f.Open += len(gone)
		wrong("%s to %s: %s not there, and no event says that they were archived", day(gone[0]), day(gone[len(gone)-1]),
			text.Count(int64(len(gone)), "day"))
	}
	if f.Days == 0 && len(f.Wrong) == 0 {
		return nil
	}
	return f
}

func day(file string) string { return text.Clip(strings.TrimSuffix(file, ".jsonl"), maxClip) }

func lastFile(files []event.ArchivedFile) string {
	if len(files) == 0 {
		return ""
	}
	return files[len(files)-1].File
}

// Tampered says whether what is gone cannot be explained.
func (f *Archived) Tampered() bool { return f != nil && (len(f.Wrong) > 0 || f.Young > 0) }

// open says whether nobody outside of the account has accepted what is gone.
func (f *Archived) open() bool { return f != nil && f.Open > 0 }
