package verify

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Arguments says what came of the arguments in files beside the log (chain/FORMAT.md,
// "Arguments apart").
type Arguments struct {
	Kept    int64    `json:"kept"`              // calls whose arguments are there, and are what was signed
	Altered int64    `json:"altered,omitempty"` // calls of which other arguments are there
	Changed []string `json:"changed,omitempty"` // the first of these
	Missing int64    `json:"missing,omitempty"` // calls whose arguments are gone, and no event says so
	Erased  []Erased `json:"erased,omitempty"`
}

// Erased is an event that arguments were removed.
type Erased struct {
	ID       string `json:"id"` // of the event
	By       string `json:"by"`
	Time     string `json:"time"`
	Reason   string `json:"reason"`
	Calls    int64  `json:"calls"` // that it names
	Gone     int64  `json:"gone"`  // of them, whose arguments are gone
	Accepted bool   `json:"accepted,omitempty"`
}

// besideCheck compares the files beside a log with the log.
type besideCheck struct {
	keys    *Keys
	files   *chain.BesideReader
	copied  bool // the log is a copy, in which the files beside it are not
	found   Arguments
	first   string // of those that are missing
	more    int64  // events of erasing that are not in found
	moreErr bool   // something is gone by one of them that is not accepted

	apart   map[[sha256.Size]byte]bool // sessions that keep arguments beside the log
	missing map[history.ID]bool
	uncount int64 // missing, and too many to remember
	// batch are the calls without arguments that were written together, last.
	batch        []history.ID
	batchSession string
	batchTime    time.Time

	accept []string
	lines  map[string]int64 // of each day, those that belong to a call
	days   []string
	errs   []string
}

func newBesideCheck(log *chain.Snapshot, keys *Keys, accept []string) *besideCheck {
	return &besideCheck{keys: keys, files: log.Beside(false), copied: log.Dir() == "", accept: accept, apart: map[[sha256.Size]byte]bool{},
		missing: map[history.ID]bool{}, lines: map[string]int64{}}
}

// see takes what is believed, in its order.
func (b *besideCheck) see(e *chain.Entry, v *sign.Verified) {
	if len(b.batch) > 0 && (v.Session != b.batchSession || !v.Time.Equal(b.batchTime)) {
		b.batch = b.batch[:0]
	}
	switch told := v.Event.(type) {
	case nil:
		if history.IsCall(v) && v.HashOnly {
			b.call(e, v)
		}
	case event.ParamsApart:
		if len(b.apart) < maxCounted {
			b.apart[sha256.Sum256([]byte(told.Session))] = true
		}
	case event.HashOnly:
		// Only what was written with the calls: later, the holder of the key could
		// explain anything so.
		together := map[history.ID]bool{}
		for _, id := range b.batch {
			together[id] = true
		}
		for _, c := range told.Calls {
			if id, ok := history.ParseID(c.ID); ok && together[id] {
				delete(b.missing, id)
			}
		}
	case event.Erased:
		b.erased(told, v)
	default:
		b.batch = b.batch[:0]
	}
}

// call takes a call whose receipt has only the hash of its arguments.
func (b *besideCheck) call(e *chain.Entry, v *sign.Verified) {
	if _, seen := b.lines[e.File]; !seen {
		b.lines[e.File] = 0
		b.days = append(b.days, e.File)
	}
	kept, altered := false, false
	err := b.files.Lines(e.File, v.ID, func(line []byte) {
		b.lines[e.File]++
		_, arguments, ok := sign.ReadBeside(line)
		if ok && event.HashOf(arguments) == v.ParamsHash {
			kept = true
		} else {
			altered = true
		}
	})
	id, _ := history.ParseID(v.ID)
	switch {
	case err != nil:
		b.problem(fmt.Sprintf("%s: %v", chain.BesideFile(e.File), err))
	case altered:
		if b.found.Altered++; len(b.found.Changed) < maxListed {
			b.found.Changed = append(b.found.Changed, fmt.Sprintf("%s has other arguments for %s than were signed", chain.BesideFile(e.File), v.ID))
		}
	case kept:
		b.found.Kept++
	case !b.apart[sha256.Sum256([]byte(v.Session))]: // nothing says that they ever were there
	case len(b.missing) >= maxCounted:
		b.uncount++
	default:
		if b.first == "" {
			b.first = v.ID
		}
		b.missing[id] = true
		b.batch, b.batchSession, b.batchTime = append(b.batch, id), v.Session, v.Time
	}
}

func (b *besideCheck) problem(text string) {
	if len(b.errs) < maxListed && !slices.Contains(b.errs, text) {
		b.errs = append(b.errs, text)
	}
}

func (b *besideCheck) erased(e event.Erased, v *sign.Verified) {
	x := Erased{ID: v.ID, Time: formatTime(v.Time), Reason: text.Clip(e.Reason, maxClip), Calls: int64(len(e.Calls))}
	signer := v.Signers[len(v.Signers)-1]
	x.By = text.Clip(signer.Name, maxClip) + " " + FormatKey(signer.Key)
	for _, call := range e.Calls {
		if id, ok := history.ParseID(call); ok && b.missing[id] {
			delete(b.missing, id)
			x.Gone++
		}
	}
	x.Accepted = slices.Contains(b.accept, x.ID) || b.keys.maintains(v)
	if len(b.found.Erased) < maxListed {
		b.found.Erased = append(b.found.Erased, x)
		return
	}
	b.more++
	b.moreErr = b.moreErr || x.Gone > 0 && !x.Accepted
}

// finding is what came of it, with what is to be said under completeness.
func (b *besideCheck) finding() (a *Arguments, gaps, notes []string) {
	defer b.files.Close()
	n := int64(len(b.missing)) + b.uncount
	if b.copied {
		var gone int64
		for _, x := range b.found.Erased {
			gone += x.Gone
		}
		if n += gone; n > 0 {
			what := "the arguments of " + text.Count(n, "call") + " are not in this copy: they were kept apart from the log"
			if gone > 0 {
				what += ", and events in it say that those of " + text.Count(gone, "call") + " were erased"
			}
			notes = append(notes, what)
		}
		return nil, nil, notes
	}
	b.found.Missing = n
	gaps = append(gaps, b.errs...)
	if n := b.found.Missing; n > 0 {
		what := "the arguments of " + text.Count(n, "call") + " are missing beside the log, and no event says that they were erased"
		for id := range b.missing {
			if first, ok := history.ParseID(b.first); !ok || !b.missing[first] {
				b.first = fmt.Sprintf("rec_%x", id[:])
			}
			break
		}
		gaps = append(gaps, what+"; one is "+b.first)
	}
	for _, x := range b.found.Erased {
		what := fmt.Sprintf("the arguments of %s were erased by %s at %s: %s (%s)", text.Count(x.Gone, "call"), x.By, x.Time, x.Reason, x.ID)
		switch {
		case x.Gone == 0:
			notes = append(notes, fmt.Sprintf("%s says that arguments of %s were to be erased, and they are still there, or never were, or their days are not, or another event says so before", x.ID, text.Count(x.Calls, "call")))
		case x.Accepted:
			notes = append(notes, what+", which is accepted")
		default:
			gaps = append(gaps, what+": --accept "+x.ID+" accepts it")
		}
		if x.Gone > 0 && x.Gone < x.Calls {
			notes = append(notes, fmt.Sprintf("%s names %s more, whose arguments are still there, or whose days are not, or of which another event says so before", x.ID, text.Count(x.Calls-x.Gone, "call")))
		}
	}
	if b.more > 0 {
		what := text.Count(b.more, "more event") + " of arguments that were erased"
		if b.moreErr {
			gaps = append(gaps, what+", not all of which are accepted")
		} else {
			notes = append(notes, what)
		}
	}
	var bad, strange int64
	for _, day := range b.days {
		s, err := b.files.Stats(day)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		bad, strange = bad+s.Bad, strange+max(s.Lines-b.lines[day], 0)
		if s.More {
			gaps = append(gaps, chain.BesideFile(day)+" has more lines than are read")
		}
	}
	if bad > 0 {
		notes = append(notes, text.Count(bad, "line")+" beside the log cannot be read: what a crash has left, of calls that were not forwarded")
	}
	if strange > 0 {
		notes = append(notes, text.Count(strange, "line")+" beside the log of calls that are not in it, or not without their arguments")
	}
	if b.found.Kept == 0 && b.found.Altered == 0 && b.found.Missing == 0 && len(b.found.Erased) == 0 {
		return nil, gaps, notes
	}
	return &b.found, gaps, notes
}
