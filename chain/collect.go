package chain

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// verifier is the collector of [Verify]: it gets the lines in order and follows
// the chain.
type verifier struct {
	o      VerifyOptions
	s      *snapshot
	report Report

	file  int    // index of the current day file
	line  int    // number of the current line in it
	n     int64  // number of readable records so far
	last  digest // the last record's hash as stored, what the next one must follow
	alt   digest // what that hash should be, where it is another
	after bool   // the last line was damaged so that it may have had any hash

	loose []loose // links that do not hold, in order; why is found out at the end

	told   map[string]string // files with torn lines that events tell of, and their hashes
	newest []byte            // the last receipt
}

// take follows the chain through one part.
func (v *verifier) take(p *part[line]) {
	v.file, v.line = p.file, p.line
	v.report.Bytes += p.size()
	if p.long != nil {
		v.unreadable(p.long, p.long.ended, p.off, p.size())
	}
	for i := range p.found {
		l := &p.found[i]
		v.line = l.number
		v.follow(l)
	}
	if p.records > 0 {
		v.newest = bytes.Clone(v.newest) // the part's memory is used again
	}
}

// follow is take for one line.
func (v *verifier) follow(l *line) {
	if l.err != nil {
		v.unreadable(l.err, l.ended, l.off, int64(len(l.raw)))
		return
	}
	r := &l.record
	here := spot{v.n, v.s.days[v.file], v.line}
	v.n++
	v.report.Records++
	if here.n == 0 {
		v.report.First = moment(r.receipt)
	}
	v.newest = r.receipt
	if r.extra {
		v.report.Unprotected++
	}
	edited := l.sumErr == nil && l.sum != r.hash
	switch {
	case l.sumErr != nil:
		v.damage(Malformed, "", "", l.sumErr.Error())
	case edited:
		v.damage(Edited, l.sum.String(), r.hash.String(), "the record is not the one that its hash was made for")
	case errors.Is(l.bad, ErrDisplaced):
		// All that follow the place are displaced as well: one act, one break.
		if v.report.Displaced++; v.report.Displaced == 1 {
			v.damage(Displaced, "", "", l.bad.Error())
		}
	case l.bad != nil:
		v.damage(Forged, "", "", l.bad.Error())
	}
	linked := r.prev == v.last || r.prev == v.alt
	if !linked && !edited { // of an edited record the link may be what was edited
		v.loosen(loose{spot: here, last: v.last, prev: r.prev, hash: r.hash, after: v.after})
	}
	v.last, v.alt, v.after = r.hash, r.hash, l.bad != nil && !errors.Is(l.bad, ErrDisplaced)
	if edited {
		v.alt = l.sum
	}
	if l.event {
		v.report.Events++
		v.hear(here, r.receipt)
	}
	if v.o.Visit != nil && l.sumErr == nil {
		v.o.Visit(Entry{
			File: v.s.days[v.file], Line: v.line, Offset: l.off, Raw: l.raw,
			Receipt: r.receipt, PrevHash: l.prev, RecordHash: r.hash.String(),
		}, l.result)
	}
}

// unreadable is follow for a line that is no record, and why.
func (v *verifier) unreadable(err error, ended bool, off, length int64) {
	if !ended && v.file == len(v.s.days)-1 {
		v.report.Torn = &Torn{v.s.days[v.file], v.line, off, length}
		return
	}
	kind := Malformed
	if errors.Is(err, errCut) {
		kind = Truncated
	}
	v.damage(kind, "", "", err.Error())
	v.after = true
}

func (v *verifier) damage(kind Kind, expected, found, detail string) {
	v.report.note(Break{v.s.days[v.file], v.line, kind, expected, found, detail})
}

// loosen notes a link that does not hold. Its place among the breaks is kept for
// it; past the bound it is only counted.
func (v *verifier) loosen(l loose) {
	if len(v.report.Breaks) == maxBreaks {
		v.report.Damaged++
		return
	}
	l.at = len(v.report.Breaks)
	v.damage(Removed, l.last.String(), l.prev.String(), "")
	v.loose = append(v.loose, l)
}

// hear takes what one of the log's own events tells.
func (v *verifier) hear(here spot, receipt []byte) {
	e, _ := event.Decode(receipt)
	switch e := e.(type) {
	case event.TornLine:
		if len(v.told) < maxTold {
			v.told[e.Kept] = e.Hash
		}
	case event.LogDamaged:
		expected, ok := parseDigest([]byte(e.Expected))
		found, lost := parseDigest([]byte(e.Found))
		if ok && lost {
			v.loosen(loose{spot: here, last: expected, prev: found, noticed: true})
		}
	}
}

// maxTold bounds the events about torn lines that are remembered.
const maxTold = 10_000

// finish does what takes the whole log.
func (v *verifier) finish(ctx context.Context) error {
	r := &v.report
	r.Head = v.last.String()
	r.Last = moment(v.newest)
	v.setAside()
	return v.explain(ctx)
}

// setAside compares the torn lines beside the log with the events about them.
func (v *verifier) setAside() {
	there := slices.Concat(v.s.torn, v.s.pending)
	for name := range v.told {
		if !slices.Contains(there, name) && !slices.Contains(there, name+pendingSuffix) {
			there = append(there, name)
		}
	}
	slices.Sort(there)
	for _, name := range there {
		hash, recorded := v.told[strings.TrimSuffix(name, pendingSuffix)]
		_, sum, err := sumFile(filepath.Join(v.s.dir, name), math.MaxInt64)
		v.report.SetAside = append(v.report.SetAside,
			SetAside{File: name, Recorded: recorded, Kept: err == nil && (!recorded || sum == hash)})
	}
}
