package verify

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// parseHash reads a hash as records have it.
func parseHash(s string) (h chain.Hash, ok bool) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 2*len(h) || strings.ToLower(digits) != digits {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(digits))
	return h, err == nil
}

// open looks for records in a line that is none itself. They are not checked yet.
func (s *selection) open(l *lineChecked) (opened bool) {
	o, err := envelope.Open(l.line, func(f envelope.Found) {
		inner := lineChecked{number: l.number, line: f.Line, ended: true}
		if f.Line == nil {
			var ok, ok2 bool
			inner.entry.RecordHash, ok = parseHash(f.Hash)
			inner.entry.PrevHash, ok2 = parseHash(f.Prev)
			if inner.absent = true; !ok || !ok2 {
				inner.err = fmt.Errorf("a record that was not exported, without its hashes")
			}
		}
		l.inner = append(l.inner, inner)
	})
	if o.Form == "" {
		l.inner = nil
		return false
	}
	l.opened, l.refused = o, err
	return true
}

// checkRecord checks a line that must be a record.
func (s *selection) checkRecord(l *lineChecked) {
	l.entry, l.err = chain.ParseEntry(l.line)
	if l.err == nil {
		if l.hash = l.entry.Check(); l.hash == nil {
			l.check = s.checker.check(l.entry.Receipt, l.entry.PrevHash)
		}
	}
}

// isStrange says whether a line that is no record and holds none is nothing that an export
// has made: other programs write to the same place.
func isStrange(line []byte) bool {
	return !bytes.Contains(line, []byte("receipt")) && !bytes.Contains(line, []byte("record_hash")) && !bytes.Contains(line, []byte(`"sig"`))
}

// holdsRecords says whether a file that is no receipt is lines, or one value, in which
// records are.
func holdsRecords(all []byte) bool {
	hold := func(b []byte) bool {
		n := 0
		o, _ := envelope.Open(b, func(envelope.Found) { n++ })
		return o.Form != "" && n > 0
	}
	if canon.Valid(all) {
		return hold(all)
	}
	for line := range bytes.Lines(all) {
		if hold(line) {
			return true
		}
	}
	return false
}

// A Missing is a place in what came back at which records are missing. How many, nobody
// can tell.
type Missing struct {
	After  string `json:"after,omitempty"` // record_hash: they follow it, as far as times tell
	Last   string `json:"last"`            // record_hash of the last of them
	Before string `json:"before"`          // and of the record that follows it
	From   string `json:"from,omitempty"`  // the times of After and Before
	To     string `json:"to,omitempty"`
}

// What the Completeness of a [Selection] can be.
const (
	Picked    = "selection" // records by themselves: what was left out does not show
	Whole     = "whole"     // each record follows the one before it, of one log or of several
	Gaps      = "gaps"      // records are missing between ranges
	Unordered = "unordered" // there are too many to put them in order
)

// returned puts what came back in order, and says what is missing of it.
func (s *selection) returned(f *Selection) {
	if s.form == "" {
		return
	}
	f.Form = string(s.form)
	o := s.links.order()
	f.Ranges, f.RangeCount = o.ranges, o.n
	f.NotExported, f.Absent = o.absent, o.absentFirst
	for _, detail := range o.torn {
		s.damaged(0, chain.Inserted, detail)
	}
	if s.cut > 0 {
		f.Notes = append(f.Notes, text.Count(s.cut, "record")+" cut off: nothing was read of that, and it is missing unless it came again")
	}
	switch {
	case s.selected:
		return
	case s.links.full:
		f.Completeness = Unordered
		f.Gaps = append(f.Gaps, "not put in order: it has more than "+text.Count(maxLinked, "record"))
		return
	}
	f.Completeness = Whole
	for i := 1; i < len(o.ranges); i++ {
		if r, before := &o.ranges[i], &o.ranges[i-1]; !r.Begins {
			f.Missing = append(f.Missing, Missing{After: before.Last, Last: r.prev.String(), Before: r.First, From: before.To, To: r.From})
		}
	}
	if f.MissingCount = o.parts; o.n > 0 && !o.ranges[0].Begins { // what is before the first range was perhaps not asked for
		f.MissingCount--
	}
	if f.MissingCount > 0 {
		f.Completeness = Gaps
	}
}
