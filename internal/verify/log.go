package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Log is what verifying a log came to.
type Log struct {
	Verdict     Verdict `json:"verdict"`
	Interrupted bool    `json:"interrupted,omitempty"` // before its end: what follows is of what was read
	Dir         string  `json:"log"`
	Records     int64   `json:"records"`
	Files       int     `json:"files"`
	First       string  `json:"first,omitempty"` // time of the first record that is believed
	Last        string  `json:"last,omitempty"`
	Head        string  `json:"head"` // hash of the newest record: keep a copy elsewhere; "" if the log was not read to its end

	Integrity    Integrity    `json:"integrity"`
	Authenticity Authenticity `json:"authenticity"`
	Completeness Completeness `json:"completeness"`
	Arguments    *Arguments   `json:"arguments,omitempty"` // in files beside the log; nil: there are none

	Damaged int64         `json:"damaged"` // number of places
	Breaks  []chain.Break `json:"breaks"`  // the first of them

	empty bool
}

// Empty says that there was nothing to verify.
func (f *Log) Empty() bool { return f.empty }

// Integrity: does each record follow the one before it, unedited?
type Integrity struct {
	Verdict     string   `json:"verdict"`           // "unbroken" or "broken"
	Damaged     int64    `json:"damaged"`           // number of places, without those of false receipts
	Unprotected int64    `json:"unprotected"`       // records with members that no hash covers
	Ignored     []string `json:"ignored,omitempty"` // .jsonl files whose names are no days, the first of them
}

// Options are those of [CheckLog] and [CheckFile].
type Options struct {
	Now time.Time // what is later is yet to come

	Anchors *Anchors // of a log: what is known from outside of it; nil: nothing

	SystemHeads   []*SystemHeads // of a log: what system logs have kept of it; this machine's own first
	Expected      []*Expected    // of a log: what others kept of it
	Retention     time.Duration  // how long days of the log are kept here; 0: DefaultRetention
	Accept        []string       // ids of what somebody outside of the account has accepted
	RequireSystem bool           // it is not enough if a system's log cannot be asked, or does not cover all

	// Visit gets each record of a log, in order, and why it is not what somebody signed:
	// an error of package sign, or that its hash is not that of the record. Its slices are
	// good until Visit returns. nil: not called.
	Visit func(e chain.Entry, err error)

	record func(hash chain.Hash) // gets the record_hash of each record; nil: not called
	part   *part                 // the records are not all of their log

	// Progress is told now and then how many records and bytes are done, of
	// how many bytes in all, 0 if that is not known; from the goroutine that
	// called.
	Progress func(records, bytes, total int64)
}

// part is which part of a log the records of a range are.
type part struct {
	follows chain.Hash                    // the record before them; the zero Hash: there is none
	seen    func(records int64) time.Time // when those whom who verifies names saw the first so many; zero: they did not
}

// CheckLog verifies a log. If the error is not nil the log was not read to its
// end, and the finding is of what was read.
func CheckLog(ctx context.Context, log *chain.Snapshot, keys Keys, o Options) (*Log, error) {
	c := checker{keys: &keys}
	s := newLogCheck(&keys)
	s.anchoring, s.withdrawals = newAnchoring(o.Anchors), newWithdrawals(s.outcomes)
	for _, m := range o.SystemHeads {
		s.headChecks = append(s.headChecks, &headsCheck{m: m, accept: o.Accept})
	}
	s.expected, s.archives = o.Expected, newArchives(log, o.Retention)
	s.beside = newBesideCheck(log, &keys, o.Accept)
	defer s.beside.files.Close()
	s.visited = o.Visit
	v := chain.VerifyOptions[checked]{Check: c.check, Visit: s.visit, Record: s.record, Progress: o.Progress}
	if s.part = o.part; s.part != nil {
		v.Follows = s.part.follows
	}
	if o.record != nil {
		v.Record = func(e chain.RecordEnd) {
			if s.record(e); s.part != nil {
				s.anchoring.seen = s.part.seen(s.anchoring.n)
			}
			o.record(e.Hash)
		}
	}
	r, err := chain.Verify(ctx, log, v)
	if err != nil {
		s.headChecks, s.expected, s.archives = nil, nil, nil // of what was not read, nothing is missing
	}
	f := judge(r, s, log.Dir(), o)
	if err != nil {
		f.Interrupted = ctx.Err() != nil && errors.Is(err, ctx.Err())
		f.cutShort()
	}
	return f, err
}

// logCheck is what the records of a log tell, together.
type logCheck struct {
	tally    *tally
	outcomes *outcomes
	sides    sides
	gaps     []string // the first of them
	damage   int64    // events of damage
	steps    int64    // likewise, of clocks that stepped back

	part        *part        // nil: all of a log
	anchoring   *anchoring   // nil: not of a log
	withdrawals *withdrawals // likewise
	beside      *besideCheck // likewise
	archives    *archives    // likewise
	headChecks  []*headsCheck
	expected    []*Expected

	visited func(chain.Entry, error) // nil: nobody is told
	latest  time.Time                // of what is believed

	file     string    // of the newest record that is believed
	fileEnds time.Time // the day of file
	begun    bool      // a record in file is of its day
}

func newLogCheck(keys *Keys) *logCheck {
	return &logCheck{tally: newTally(keys), outcomes: newOutcomes()}
}

// record is chain.VerifyOptions.Record.
func (s *logCheck) record(e chain.RecordEnd) {
	s.anchoring.record(e.Hash)
	s.archives.record(e)
	if e.Archived {
		for _, r := range s.headChecks {
			r.archived(e)
		}
		for _, k := range s.expected {
			k.archived(e.Hash)
		}
	}
}

// visit is chain.VerifyOptions.Visit.
func (s *logCheck) visit(e chain.Entry, c checked) {
	if s.visited != nil {
		defer s.visited(e, c.err)
	}
	if !e.Canonical {
		return // which the report says
	}
	s.tally.see(&e, c)
	if at := s.anchoring.seen; !at.IsZero() {
		s.tally.anchored(at)
	}
	for _, r := range s.headChecks {
		if at := r.record(&e, c); !at.IsZero() {
			s.tally.anchored(at)
		}
	}
	for _, k := range s.expected {
		k.see(&e, c)
	}
	if c.known {
		s.day(&e, c)
		s.believe(&e, c)
	}
}

// believe takes a record that is believed.
func (s *logCheck) believe(e *chain.Entry, c checked) {
	s.outcomes.see(c.v)
	s.sidesOf(e, c)
	if c.v.Time.After(s.latest) {
		s.latest = c.v.Time
	}
	if s.withdrawals != nil {
		s.withdrawals.see(c.v)
	}
	if s.beside != nil {
		s.beside.see(e, c.v)
	}
	if s.anchoring != nil {
		s.anchoring.believe(c, s.tally.keys.maintains(c.v))
	}
	if s.archives != nil {
		s.archives.believe(c.v, s.tally.keys.maintains(c.v))
	}
	switch told := c.v.Event.(type) {
	case event.LogDamaged:
		s.damage++
	case event.ClockStep:
		s.steps++
	case event.Gap:
		if len(s.gaps) < maxListed {
			s.gaps = append(s.gaps, fmt.Sprintf("%s:%d: %s forwarded unsigned between %s and %s: %s", text.Clip(e.File, maxClip), e.Line,
				text.Count(told.Calls, "call"), formatTime(told.From), formatTime(told.To), text.Clip(told.Reason, maxClip)))
		}
	}
}

// day compares a record that is believed with its file, whose day is never before
// that of the record (chain/FORMAT.md, "Files").
func (s *logCheck) day(e *chain.Entry, c checked) {
	if s.file != e.File {
		day, _ := dayOf(e.File)
		s.file, s.fileEnds, s.begun = e.File, day.AddDate(0, 0, 1), false
	}
	latest := c.v.Time
	if c.v.Responded.After(latest) {
		latest = c.v.Responded
	}
	s.begun = s.begun || !latest.Before(s.fileEnds.AddDate(0, 0, -1))
	if !c.v.Time.Before(s.fileEnds) {
		s.tally.doubt(e, "it claims a time after the day of its file: "+formatTime(c.v.Time))
	}
}

func dayOf(file string) (time.Time, error) {
	return time.Parse(time.DateOnly, strings.TrimSuffix(file, ".jsonl"))
}

// planted says whether the newest file is of a day to come and has nothing of that
// day that is believed: no writer of ours has begun it.
func (s *logCheck) planted(files []string, now time.Time) (file string, planted bool) {
	if len(files) == 0 || files[len(files)-1] == s.file && s.begun {
		return "", false
	}
	file = files[len(files)-1]
	day, err := dayOf(file)
	return file, err == nil && day.After(now)
}

// clockSlack is how far two clocks may be apart with no word of it.
const clockSlack = time.Hour

// dated compares the times of what is believed with the clock.
func (s *logCheck) dated(now time.Time) {
	if s.latest.After(now.Add(clockSlack)) {
		s.tally.found.Doubts = append(s.tally.found.Doubts, "records claim times to come, up to "+formatTime(s.latest)+", and the clock here says "+formatTime(now))
	}
}

// cutShort takes out what only the whole log could tell: its head, and which
// calls have no outcome.
func (f *Log) cutShort() {
	if f.Verdict != Tampered {
		f.Verdict = Unchecked
	}
	f.Head = ""
	f.Arguments = nil
	f.Completeness = Completeness{Verdict: "unchecked"}
	for i := range f.Breaks {
		if b := &f.Breaks[i]; b.Detail == "" {
			b.Detail = "this record does not follow the one before it; why, was not looked into"
		}
	}
}

// judge puts the three verdicts together.
func judge(r *chain.Report, s *logCheck, dir string, o Options) *Log {
	f := &Log{
		Verdict: Valid, Dir: dir, Records: r.Records, Files: len(r.Files), Head: r.Head.String(),
		First: formatTime(r.First), Last: formatTime(r.Last),
		Damaged: r.Damaged, Breaks: append([]chain.Break{}, r.Breaks...), // [] rather than null
		Integrity: Integrity{"unbroken", r.Damaged - r.Forged, r.Unprotected, first(r.Ignored)},
		empty:     r.Records == 0 && r.Archived == 0 && r.Damaged == 0 && r.Torn == nil && len(r.Quarantined) == 0,
	}
	if f.Integrity.Damaged > 0 {
		f.Integrity.Verdict = "broken"
	}
	if file, planted := s.planted(r.Files, o.Now); planted {
		s.tally.found.Doubts = append(s.tally.found.Doubts, file+" is of a day to come, and nothing of that day in it is signed by a key that is known")
	}
	s.dated(o.Now)
	f.Authenticity = s.tally.finding()
	withdrawn, open := s.withdrawals.finding(o.Accept)
	if f.Authenticity.Withdrawn = withdrawn; open && f.Authenticity.Established() {
		f.Authenticity.Verdict = "unconfirmed"
	}
	f.Completeness = s.completeness(r)
	f.Arguments = s.arguments(&f.Completeness)
	s.anchoring.heads(s.headChecks)
	a := s.anchoring.finding(s.latest)
	f.Completeness.Anchored = &a
	if s.archives != nil {
		f.Completeness.Archived = s.archives.finding(r, o.Accept, o.Now)
	}
	archived := f.Completeness.Archived
	contradicted, lacking := s.compare(&f.Completeness, slices.Concat(r.Gone, r.Files), o)
	contradicted, lacking = contradicted || archived.Tampered(), lacking || archived.open()
	f.Completeness.torn(r)
	switch {
	case r.Damaged > 0 || f.Arguments != nil && f.Arguments.Altered > 0:
		f.Verdict = Tampered
	case a.State == "contradicted" || contradicted:
		f.Verdict, f.empty = Tampered, false
	case lacking || !f.Authenticity.Established() || f.Completeness.Verdict != "no gap" || len(a.Lacking) > 0:
		f.Verdict = Unconfirmed
	}
	return f
}

// compare compares the log with what others have kept of it, and says whether
// that contradicts it, or leaves something open.
func (s *logCheck) compare(c *Completeness, days []string, o Options) (contradicted, lacking bool) {
	all := false
	for _, r := range s.headChecks {
		f := r.finish(days)
		contradicted = contradicted || f.Tampered()
		lacking = lacking || f.doubts || f.Backdated > 0 || f.Ahead > 0
		all = all || f.State == "all"
		if r.m.Name == "" {
			c.SystemLog, c.Heads = f.State, f
			continue
		}
		lacking = lacking || f.Heads == 0 // it was asked for
		c.Against = append(c.Against, f)
	}
	for _, k := range s.expected {
		gone := uint32(0)
		if c.Archived != nil && c.Archived.Days > 0 {
			gone = dayNumber(c.Archived.To + ".jsonl")
		}
		f := k.result(o.Accept, gone)
		contradicted = contradicted || f.missing > 0 || f.Conversation != nil && f.Conversation.differs()
		lacking = lacking || f.Conversation != nil && f.Conversation.NotThere+f.Conversation.Lost > 0
		lacking = lacking || f.Looked == 0 || f.Absent > f.Accepted
		c.Expected = append(c.Expected, f)
	}
	return contradicted, lacking || o.RequireSystem && !all
}

func (s *logCheck) completeness(r *chain.Report) Completeness {
	c := Completeness{Verdict: "no gap", Gaps: s.gaps}
	told, bad := int64(0), int64(0)
	for _, t := range r.Quarantined {
		what := ""
		switch {
		case !t.Kept && !t.Recorded:
			what = "named as a partial record, but not a readable file; the log has no event about it"
		case !t.Kept:
			what = "a partial record was quarantined there, and is not there as it was"
		case !t.Recorded:
			what = "a quarantined partial record, but the log has no event about it"
		default:
			told++
			continue
		}
		if bad++; bad <= maxListed {
			c.Gaps = append(c.Gaps, fmt.Sprintf("%s: %s", t.File, what))
		}
	}
	if more := bad - maxListed; more > 0 {
		c.Gaps = append(c.Gaps, text.Count(more, "more quarantined record")+" changed, or without an event in the log")
	}
	note := func(n int64, what, rest string) {
		if n > 0 {
			c.Notes = append(c.Notes, text.Count(n, what)+rest)
		}
	}
	confirmed, more := s.sides.finding()
	c.Confirmed, c.Notes = confirmed, append(c.Notes, more...)
	note(told, "partial record", " quarantined and accounted for")
	note(int64(len(r.Both)), "day", " both as a file and compressed: the file counts, and the other was not read")
	note(s.damage, "event", " of damage that a writer met and went on after")
	note(s.steps, "event", " of a clock that had stepped back: they say how far")
	for _, b := range r.Breaks {
		if b.Kind == chain.Removed || b.Kind == chain.Truncated || b.Kind == chain.Malformed {
			c.Gaps = append(c.Gaps, "records are missing where the log is damaged")
			break
		}
	}
	// A call whose record is damaged is not missing.
	gaps, notes := s.outcomes.findings(r.Damaged > 0 || s.part != nil || r.Archived > 0)
	c.Gaps, c.Notes = append(c.Gaps, gaps...), append(c.Notes, notes...)
	if s.tally.copies.full {
		c.Notes = append(c.Notes, fmt.Sprintf("copies were looked for only among the first %s without a place of their own", text.Count(maxCopies, "receipt")))
	}
	if len(c.Gaps) > 0 {
		c.Verdict = "gaps"
	}
	return c
}

// torn adds the partial record that the log ends in. A writer that was killed leaves one,
// and its call was not forwarded: that nothing whole was there is known if somebody else
// has seen the log up to there, and no further. Else it may as well be what is left after
// a cut.
func (c *Completeness) torn(r *chain.Report) {
	if r.Torn == nil {
		return
	}
	what := fmt.Sprintf("%s:%d: the log ends in a partial record of %s; the next append quarantines it",
		r.Torn.File, r.Torn.Line, text.Count(r.Torn.Length, "byte"))
	seen := c.Anchored != nil && c.Anchored.Records == r.Records && r.Records > 0
	for _, h := range append([]*HeadsResult{c.Heads}, c.Against...) {
		seen = seen || h != nil && h.Records > 0 && h.After == 0
	}
	if seen {
		c.Notes = append(c.Notes, what)
		return
	}
	c.Gaps, c.Verdict = append(c.Gaps, what), "gaps"
}

// arguments is what came of the arguments beside the log, the rest of which goes to c.
func (s *logCheck) arguments(c *Completeness) *Arguments {
	if s.beside == nil {
		return nil
	}
	a, gaps, notes := s.beside.finding()
	c.Gaps, c.Notes = append(c.Gaps, gaps...), append(c.Notes, notes...)
	if len(gaps) > 0 {
		c.Verdict = "gaps"
	}
	return a
}

// first is the first of a list that anybody can make long.
func first(all []string) []string {
	if len(all) <= maxListed {
		return all
	}
	return append(append([]string{}, all[:maxListed]...), fmt.Sprintf("and %s more", text.Grouped(int64(len(all)-maxListed))))
}
