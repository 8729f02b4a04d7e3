package verify

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// A Range is records of a file that follow one another, each the one before it.
type Range struct {
	First       string `json:"first"` // record_hash of the first record
	Last        string `json:"last"`
	From        string `json:"from,omitempty"` // the earliest time of a believed record
	To          string `json:"to,omitempty"`
	Records     int64  `json:"records"`
	NotExported int64  `json:"not_exported,omitempty"` // of them, known by their hashes only
	Begins      bool   `json:"begins"`                 // with the first record of a log
}

// maxLinked bounds the records of a file that are put in order: some 500 bytes of memory each, with what the verdict holds.
const maxLinked = 5_000_000

// links are the records of a file, by their hashes, in any order.
type links struct {
	nodes map[chain.Hash]node
	full  bool // there were more than maxLinked
}

type node struct {
	prev     chain.Hash
	time     int64 // Unix milliseconds; 0: not known
	exported bool
}

// add takes a record, and says whether it was there already. What was given by its hash
// only is replaced by the record itself.
func (l *links) add(hash, prev chain.Hash, at time.Time, exported bool) (again bool) {
	n, again := l.nodes[hash]
	switch {
	case again && (n.exported || !exported):
		return true
	case !again && len(l.nodes) >= maxLinked:
		l.full = true
		return false
	}
	n = node{prev: prev, exported: exported}
	if !at.IsZero() {
		n.time = at.UnixMilli()
	}
	l.nodes[hash] = n
	return false
}

// ranges puts the records in order. torn says that they contradict one another: that
// two follow the same one, or that hashes of what was not exported lead in a circle.
func (l *links) ranges() (all []Range, torn []string) {
	next := make(map[chain.Hash]chain.Hash, len(l.nodes))
	for hash, n := range l.nodes {
		if n.prev.IsZero() {
			continue
		}
		if other, ok := next[n.prev]; ok {
			if len(torn) < maxListed {
				torn = append(torn, fmt.Sprintf("%s and %s both follow %s", short(min2(hash, other)), short(max2(hash, other)), short(n.prev)))
			}
			if l.nodes[other].exported || !n.exported {
				continue
			}
		}
		next[n.prev] = hash
	}
	reached := 0
	for hash, n := range l.nodes {
		if _, inside := l.nodes[n.prev]; inside && next[n.prev] == hash {
			continue
		}
		r := Range{First: hash.String(), Begins: n.prev.IsZero()}
		var from, to int64
		for at, ok := hash, true; ok; at, ok = next[at] {
			n, here := l.nodes[at]
			if !here {
				break
			}
			reached++
			if r.Records++; !n.exported {
				r.NotExported++
			}
			if n.time != 0 {
				if from == 0 || n.time < from {
					from = n.time
				}
				to = max(to, n.time)
			}
			r.Last = at.String()
		}
		r.From, r.To = unixTime(from), unixTime(to)
		all = append(all, r)
	}
	if reached < len(l.nodes) {
		torn = append(torn, "hashes of records that were not exported lead in a circle")
	}
	slices.Sort(torn)
	slices.SortFunc(all, func(a, b Range) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.First, b.First)) })
	return all, torn
}

func min2(a, b chain.Hash) chain.Hash {
	if bytes.Compare(a[:], b[:]) <= 0 {
		return a
	}
	return b
}

func max2(a, b chain.Hash) chain.Hash {
	if bytes.Compare(a[:], b[:]) > 0 {
		return a
	}
	return b
}

func short(h chain.Hash) string { return h.String()[:len("sha256:")+12] }

func unixTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return formatTime(time.UnixMilli(ms))
}

// parseHash reads a hash as records have it.
func parseHash(s string) (h chain.Hash, ok bool) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 2*len(h) || strings.ToLower(digits) != digits {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(digits))
	return h, err == nil
}

// open looks for records in a line that is none itself, and checks them.
func (s *selection) open(l *lineChecked) (opened bool) {
	o, err := envelope.Open(l.line, func(f envelope.Found) {
		inner := lineChecked{number: l.number, line: f.Line, ended: true}
		if f.Line != nil {
			s.checkRecord(&inner)
			inner.line = nil
		} else {
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

// returned puts what came back in order, and says what is missing of it.
func (s *selection) returned(f *Selection) {
	if s.form == "" {
		return
	}
	f.Form, f.Selected = string(s.form), s.selected
	ranges, torn := s.links.ranges()
	f.RangeCount = int64(len(ranges))
	f.Ranges = ranges[:min(len(ranges), maxListed)]
	for _, r := range ranges {
		f.NotExported += r.NotExported
	}
	for _, detail := range torn {
		s.damaged(0, chain.Inserted, detail)
	}
	if s.cut > 0 {
		f.Notes = append(f.Notes, text.Count(s.cut, "record")+" cut off: nothing was read of that, and it is missing unless it came again")
	}
	f.Whole = len(ranges) == 1 && !s.selected && !s.links.full
	if s.links.full {
		f.Gaps = append(f.Gaps, "not put in order: it has more than "+text.Count(maxLinked, "record"))
		return
	}
	if s.selected {
		return
	}
	for i := 1; i < len(ranges) && i < maxListed; i++ {
		if !ranges[i].Begins {
			f.Gaps = append(f.Gaps, fmt.Sprintf("records are missing before %s, which ends the range that goes on at %s", cmp.Or(ranges[i].From, "?"), ranges[i].First))
		}
	}
}
