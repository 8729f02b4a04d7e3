package chain

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// verifier follows the chain for [Verify]. It gets the lines in order.
type verifier struct {
	s      *Snapshot
	report Report

	file  int   // index of the current day file
	line  int   // number of the current line in it
	n     int64 // number of readable records so far
	last  Hash  // the last record's hash as stored, which the next one must follow
	alt   Hash  // what that hash should be, if it differs
	after bool  // the last line was damaged, so it may have had any hash

	loose []loose // links that do not hold, in order; finish finds their kinds

	told map[string]event.TornLine // events about torn lines, by the names of their files
}

func newVerifier(s *Snapshot) *verifier {
	return &verifier{s: s, told: map[string]event.TornLine{}, report: Report{Files: s.days, Both: s.both, Ignored: s.ignored, Head: genesis}}
}

// begin begins a part of a file, which has size bytes and begins with this line.
func (v *verifier) begin(file, line int, size int64) {
	v.file, v.line = file, line
	v.report.Bytes += size
}

// follow follows the chain through one line.
func (v *verifier) follow(l *checkedLine) {
	v.line = l.number
	if l.err != nil {
		v.unreadable(l.err, l.ended, l.off, int64(len(l.raw)))
		return
	}
	r := &l.record
	here := spot{v.n, v.s.days[v.file], v.line}
	v.n++
	v.report.Records++
	if r.extra {
		v.report.Unprotected++
	}
	edited := r.refused == nil && l.sum != r.hash
	switch {
	case r.refused != nil:
		v.damage(Malformed, nil, nil, r.refused.Error())
	case edited:
		v.damage(Edited, new(l.sum), new(r.hash), "the record does not match its hash")
	case errors.Is(l.bad, ErrDisplaced):
		// All records after the place are displaced as well: one change, one break.
		if v.report.Displaced++; v.report.Displaced == 1 {
			v.damage(Displaced, nil, nil, l.bad.Error())
		}
	case l.bad != nil:
		v.damage(Forged, nil, nil, l.bad.Error())
	}
	linked := r.prev == v.last || r.prev == v.alt
	if !linked && !edited { // in an edited record the link may be what was edited
		v.addLoose(loose{spot: here, last: v.last, prev: r.prev, hash: r.hash, after: v.after})
	}
	v.last, v.alt, v.after = r.hash, r.hash, l.bad != nil && !errors.Is(l.bad, ErrDisplaced)
	if edited {
		v.alt = l.sum
	}
	if l.event {
		v.report.Events++
	}
	if !l.belief || edited {
		return // it is listed, and has no further effect
	}
	if !l.time.IsZero() {
		if v.report.First.IsZero() {
			v.report.First = l.time
		}
		v.report.Last = l.time
	}
	v.takeEvent(here, l.says)
}

// entry is the Entry for Visit of a line that was followed.
func (v *verifier) entry(l *checkedLine) Entry {
	return Entry{
		File: v.s.days[v.file], Line: l.number, Offset: l.off, Raw: l.raw, Canonical: l.record.refused == nil,
		Receipt: l.record.receipt, PrevHash: l.record.prev, RecordHash: l.record.hash,
	}
}

// unreadable is follow for a line that is not a record; err says why.
func (v *verifier) unreadable(err error, ended bool, off, length int64) {
	if !ended && v.file == len(v.s.days)-1 {
		v.report.Torn = &Torn{v.s.days[v.file], v.line, off, length}
		return
	}
	kind := Malformed
	if errors.Is(err, errCut) {
		kind = Truncated
	}
	v.damage(kind, nil, nil, err.Error())
	v.after = true
}

func (v *verifier) damage(kind Kind, expected, found *Hash, detail string) {
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "..."
	}
	v.report.note(Break{v.s.days[v.file], v.line, kind, expected, found, detail})
}

// maxDetail is the maximum length of a break's detail, in bytes. A part of it may
// be text from the log.
const maxDetail = 300

// addLoose adds a link that does not hold. It keeps a place among the breaks; after
// maxBreaks it is only counted.
func (v *verifier) addLoose(l loose) {
	if len(v.report.Breaks) == maxBreaks {
		v.report.Damaged++
		return
	}
	l.at = len(v.report.Breaks)
	v.damage(Removed, new(l.last), new(l.prev), "")
	v.loose = append(v.loose, l)
}

// takeEvent uses what one of the log's own events says.
func (v *verifier) takeEvent(here spot, e event.Event) {
	switch e := e.(type) {
	case event.TornLine:
		// After a crash there may be two events about the same bytes. The first
		// counts: a planted file in place of a lost one gets an event, too.
		if _, again := v.told[e.Kept]; !again && len(v.told) < maxTold && len(e.Kept) <= maxFileName {
			v.told[e.Kept] = e
		}
	case event.LogDamaged:
		if e.Gone {
			v.addLoose(loose{spot: here, last: e.Expected, prev: e.Found, noticed: true})
		}
	}
}

const (
	maxTold     = 10_000 // maximum number of events about torn lines that are kept
	maxFileName = 255    // maximum length of a file's name in all file systems, in bytes
)

// finish does what needs the whole log.
func (v *verifier) finish(ctx context.Context) error {
	v.report.Head = v.last
	if err := v.quarantined(ctx); err != nil {
		return err
	}
	return v.explain(ctx)
}

// quarantined compares the torn lines beside the log with the events about them.
func (v *verifier) quarantined(ctx context.Context) error {
	there := map[string]bool{}
	var names []string
	for _, name := range slices.Concat(v.s.torn, v.s.pending) {
		there[strings.TrimSuffix(name, pendingSuffix)] = true
		names = append(names, name)
	}
	for _, name := range v.s.odd { // if an event names it, it is missing
		if _, told := v.told[name]; !told {
			v.report.Quarantined = append(v.report.Quarantined, Quarantined{File: name})
		}
	}
	for name, told := range v.told {
		if gone := slices.Contains(v.report.Gone, told.File); !there[name] && !gone {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		told, recorded := v.told[strings.TrimSuffix(name, pendingSuffix)]
		s := Quarantined{File: name, Recorded: recorded}
		var err error
		if s.Kept, err = v.isKept(ctx, name, told, recorded); err != nil {
			return err
		}
		v.report.Quarantined = append(v.report.Quarantined, s)
	}
	return nil
}

// isKept says whether a file beside the log is there and, if an event names it, has
// the length and hash in the event. Other files are not read: anybody may put files
// there, of any size. The error is that of ctx.
func (v *verifier) isKept(ctx context.Context, name string, told event.TornLine, recorded bool) (bool, error) {
	f, size, err := openFile(v.s.fsys, name)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	if !recorded {
		return true, nil
	}
	if size != told.Length {
		return false, nil
	}
	sum := sha256.New()
	for buf := make([]byte, blockSize); ; {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if err == io.EOF {
			return Hash(sum.Sum(nil)) == told.Hash, nil
		} else if err != nil {
			return false, nil
		}
	}
}
