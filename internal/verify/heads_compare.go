package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// HeadsResult is how the log agrees with the heads in a system's log. It is part of
// Completeness.
type HeadsResult struct {
	By string `json:"by"` // "system log", or the file's name
	// State is "all" (each record up to the newest is covered, and nothing is
	// missing), "partial", "unreadable" or "absent" (no system log, or no head of
	// this log in it).
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
	From  string `json:"reaches_from,omitempty"` // the oldest entry of the user
	To    string `json:"reaches_to,omitempty"`   // the newest

	Heads   int64  `json:"heads"`               // of this log
	Kept    string `json:"kept_from,omitempty"` // when the oldest of them came: what was cut off before, does not show
	Records int64  `json:"records"`             // anchored up to this record, counted from 1
	At      string `json:"at,omitempty"`        // when that head came
	After   int64  `json:"unanchored_records"`  // that came after it

	Mismatched      int64            `json:"mismatched"` // heads that the log does not agree with
	MismatchedHeads []MismatchedHead `json:"mismatched_heads,omitempty"`
	Replaced        []Other          `json:"replaced_logs,omitempty"` // logs that were in this directory
	Gone            []Other          `json:"other_logs,omitempty"`    // of this user, that are not where they were

	Missing   int64    `json:"missing_heads"`      // by their numbers
	Silent    int64    `json:"silent_sessions"`    // that claim heads and have none, or send none
	Elsewhere int64    `json:"sessions_elsewhere"` // on other machines, whose system logs have their heads
	Unended   int64    `json:"unended_sessions"`
	Window    string   `json:"unended_newest,omitempty"` // when the last of those sent its newest head: one second after it is covered
	Backdated int64    `json:"backdated"`
	Examples  []string `json:"backdated_records,omitempty"`
	Ahead     int64    `json:"dated_ahead"` // records that the system's log saw before the time that they claim
	Aheads    []string `json:"dated_ahead_records,omitempty"`
	Older     int64    `json:"older_heads,omitempty"` // that were not looked at: there are too many
	Unread    string   `json:"unread,omitempty"`      // why not all of it could be read
	Lacking   []string `json:"lacking,omitempty"`     // why the state is not "all"

	// Accept is what --accept takes to accept the heads that the log does not agree
	// with now, and no other: see [Acceptance].
	Accept string `json:"accept,omitempty"`
	// Bound has, for each head that was accepted without a bound, the Acceptance of what
	// that is now.
	Bound map[string]string `json:"-"`

	doubts bool
}

// MismatchedHead is a head that the log does not agree with.
type MismatchedHead struct {
	ID       string     `json:"id"`
	Log      chain.Hash `json:"log"`
	File     string     `json:"file"`
	End      int64      `json:"end"` // in the file, in bytes
	At       string     `json:"at"`
	Why      string     `json:"why"`
	Doubtful bool       `json:"doubtful,omitempty"` // by a key that is not known, in a file that anybody could have written
	Accepted bool       `json:"accepted,omitempty"`
}

// Other is a log other than the verified one.
type Other struct {
	Log      chain.Hash `json:"log"`           // its first record
	Dir      string     `json:"dir,omitempty"` // where it was, if who wrote it named the home
	Heads    int64      `json:"heads"`
	File     string     `json:"file"` // of its newest head
	End      int64      `json:"end"`
	At       string     `json:"at"`
	ID       string     `json:"id"` // of that head
	Doubtful bool       `json:"doubtful,omitempty"`
	Accepted bool       `json:"accepted,omitempty"`

	newest time.Time // At
}

// Tampered says whether something contradicts the log.
func (r *HeadsResult) Tampered() bool {
	bad := func(doubtful, accepted bool) bool { return !doubtful && !accepted }
	return r.Mismatched > int64(len(r.MismatchedHeads)) ||
		slices.ContainsFunc(r.MismatchedHeads, func(u MismatchedHead) bool { return bad(u.Doubtful, u.Accepted) }) ||
		slices.ContainsFunc(r.Replaced, func(o Other) bool { return bad(o.Doubtful, o.Accepted) })
}

// headsCheck compares a log with a SystemHeads while it is read.
type headsCheck struct {
	m          *SystemHeads
	accept     []string
	begun      bool
	log        chain.Hash // the first record
	dirs       map[string]bool
	groups     []*logHeads // of this log
	heads      []seenHead  // of this log, in its order; those up to met are done
	done       int
	mismatched []seenHead
	whys       []string // of the first of them
	records    int64

	met    met
	system time.Time // when the newest of the heads that were met came, of those that did not come late

	named map[uint32]bool // writers that a believed event of their session names
	later map[uint32]*met // by writer, what heads by keys that are not known were met by

	sessions  map[[16]byte]string // of this machine, begun within the reach: where their heads go to
	elsewhere map[[16]byte]bool   // of others
	claimed   time.Time           // the latest time that a record has claimed
	claiming  []claim             // those that were the latest, and no head has come yet after them
	ahead     []claim             // those whose head had come before
	found     HeadsResult
}

// met is the newest record that heads are met by, and when the earliest of these came.
type met struct {
	record int64
	at     time.Time
}

func (m *met) take(record int64, at time.Time) {
	if record > m.record || record == m.record && at.Before(m.at) {
		m.record, m.at = record, at
	}
}

// doubts says whether a head is doubtful: nobody vouches for it, and neither is its
// key known nor does its session's event name it.
func (r *headsCheck) doubts(h *seenHead) bool { return h.is(doubtful) && !r.named[h.by] }

// claim is the time that a record claims.
type claim struct {
	session [16]byte
	at      int64 // in milliseconds
	line    int32
	day     uint32
	seen    time.Time // when the system's log saw it, if that was before
}

// record takes the records in their order. It returns when a system's log, for which
// somebody vouches, saw this one and so all before it, the earliest such time; zero:
// not.
func (r *headsCheck) record(e *chain.Entry, c checked) (seen time.Time) {
	if !r.begun {
		r.begin(e.RecordHash)
	}
	r.records++
	if c.known {
		r.claims(e, c)
	}
	return r.at(dayNumber(e.File), e.Offset+int64(len(e.Raw))+1, e.RecordHash)
}

// archived takes the records of days that are not there, before those that are.
func (r *headsCheck) archived(e chain.RecordEnd) {
	if !r.begun {
		r.begin(e.Hash)
	}
	r.records++
	r.at(dayNumber(e.File), e.End, e.Hash)
}

// at compares the record that ends at a place with the heads up to there.
func (r *headsCheck) at(day uint32, end int64, hash chain.Hash) (seen time.Time) {
	for ; r.done < len(r.heads) && r.heads[r.done].before(day, end); r.done++ {
		r.miss(r.heads[r.done], "no record ends there")
	}
	for ; r.done < len(r.heads) && r.heads[r.done].day() == day && r.heads[r.done].end == end; r.done++ {
		h := r.heads[r.done]
		if [16]byte(hash[:16]) != h.hash {
			r.miss(h, "another record is there")
			continue
		}
		if h.is(doubtful) {
			r.meets(h)
			continue
		}
		r.met.take(r.records, h.time())
		if !h.is(late) && h.time().After(r.system) {
			r.system = h.time()
		}
		if at := h.time(); !h.is(unvouched) && (seen.IsZero() || at.Before(seen)) {
			seen = at
		}
	}
	if !seen.IsZero() {
		r.seen(seen)
	}
	return seen
}

// meets notes that a doubtful head is met by the current record. Its session's event
// may come after that.
func (r *headsCheck) meets(h seenHead) {
	if h.by == 0 {
		return
	}
	if r.later == nil {
		r.later = map[uint32]*met{}
	}
	if r.later[h.by] == nil {
		r.later[h.by] = &met{}
	}
	r.later[h.by].take(r.records, h.time())
}

// begin looks for the heads of the log whose first record has this hash.
func (r *headsCheck) begin(log chain.Hash) {
	r.begun, r.log, r.dirs = true, log, map[string]bool{}
	for _, d := range r.m.Dirs {
		r.dirs[d] = true
	}
	for _, g := range r.m.order {
		if g.log == log {
			r.groups = append(r.groups, g)
			r.heads = append(r.heads, g.heads...)
		}
	}
	slices.SortFunc(r.heads, func(x, y seenHead) int {
		switch {
		case x.before(y.day(), y.end):
			return -1
		case y.before(x.day(), x.end):
			return 1
		}
		return x.compare(&y)
	})
	r.heads = slices.CompactFunc(r.heads, seenHead.same)
}

// compare sorts by id, and puts the one that tells most first, which is the one that came
// first. Two files that were put together have a head twice, and whoever can read it can
// send it again: that makes it neither late nor newer.
func (h seenHead) compare(other *seenHead) int {
	return cmp.Or(bytes.Compare(h.id[:], other.id[:]), cmp.Compare(h.file, other.file), cmp.Compare(h.at, other.at))
}

func (h seenHead) same(other seenHead) bool { return h.id == other.id }

// backdate is how far the clocks of record and head may be apart.
const backdate = time.Minute

// claims compares what a record that is believed claims with the heads before it.
func (r *headsCheck) claims(e *chain.Entry, c checked) {
	_, step := c.v.Event.(event.ClockStep)
	if c.v.Version == 1 && !step && c.v.Time.Before(r.system.Add(-backdate)) {
		if r.found.Backdated++; len(r.found.Examples) < maxListed {
			r.found.Examples = append(r.found.Examples, fmt.Sprintf("%s:%d claims %s, and follows what the system's log saw at %s",
				text.Clip(e.File, maxClip), e.Line, formatTime(c.v.Time), formatTime(r.system)))
		}
	}
	// Our writers never go back: what claims no later time than an earlier record may
	// have its time from there. Without a head to come nothing can be said.
	if c.v.Version == 1 && !step && c.v.Time.After(r.claimed) {
		r.claimed = c.v.Time
		if r.done < len(r.heads) && len(r.claiming) < maxSessions {
			of := claim{at: c.v.Time.UnixMilli(), line: int32(e.Line), day: dayNumber(e.File)}
			of.session, _ = sessionKey(c.v.Session)
			r.claiming = append(r.claiming, of)
		}
	}
	told, ok := c.v.Event.(event.Session)
	if by := r.m.named(told); by != 0 {
		if r.named == nil {
			r.named = map[uint32]bool{}
		}
		r.named[by] = true
	}
	if !ok || told.Heads == nil || len(r.sessions) >= maxSessions {
		return
	}
	key, ok := sessionKey(told.Session)
	if _, again := r.sessions[key]; !ok || again {
		return
	}
	if !r.here(told.Heads.Machine) {
		if r.elsewhere == nil {
			r.elsewhere = map[[16]byte]bool{}
		}
		if len(r.elsewhere) < maxSessions {
			r.elsewhere[key] = true
		}
		return
	}
	if r.m.Reach.From.IsZero() || c.v.Time.Before(r.m.Reach.From) {
		return
	}
	// The first heads of a session that has just begun may still be on their way, and
	// where it sends none, none are.
	if sends := told.Heads.To != "off" && told.Heads.To != "none"; sends && c.v.Time.After(r.m.Began.Add(-2*time.Second)) {
		return
	}
	if r.sessions == nil {
		r.sessions = map[[16]byte]string{}
	}
	r.sessions[key] = told.Heads.To
}

// seen compares what records claim with when the system's log saw them at the latest.
func (r *headsCheck) seen(at time.Time) {
	limit := at.Add(backdate).UnixMilli()
	for _, c := range r.claiming { // each claims more than the one before it
		if c.at > limit && len(r.ahead) < maxSessions {
			c.seen = at
			r.ahead = append(r.ahead, c)
		}
	}
	r.claiming = r.claiming[:0]
}

// here says whether the memory is of the machine.
func (r *headsCheck) here(machine string) bool {
	if r.m.Name == "" {
		return machine == systemlog.Machine()
	}
	return slices.ContainsFunc(r.groups, func(g *logHeads) bool { return g.host != "" && systemlog.MachineOf(g.host) == machine })
}

// miss notes a head that the log does not agree with.
func (r *headsCheck) miss(h seenHead, why string) {
	r.found.Mismatched++
	if r.mismatched = append(r.mismatched, h); len(r.whys) < maxListed {
		r.whys = append(r.whys, why)
	}
}

// finish compares what only the whole log could.
func (r *headsCheck) finish(days []string) *HeadsResult {
	f := &r.found
	f.By, f.State, f.Why = r.m.Name, r.m.State, r.m.Why
	if f.By == "" {
		f.By = "system log"
	}
	f.From, f.To = formatTime(r.m.Reach.From), formatTime(r.m.Reach.To)
	if !r.begun {
		r.begin(chain.Hash{})
	}
	for ; r.done < len(r.heads); r.done++ {
		h, why := r.heads[r.done], "the file is not there"
		if slices.Contains(days, dayFile(h.day())) {
			why = "the log ends before it"
		}
		r.miss(h, why)
	}
	for by, m := range r.later {
		if r.named[by] {
			r.met.take(m.record, m.at)
		}
	}
	f.Heads, f.Records = int64(len(r.heads)), r.met.record
	f.After = r.records - f.Records
	f.At = formatTime(r.met.at)
	var oldest time.Time
	for i := range r.heads {
		if at := r.heads[i].time(); oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	f.Kept = formatTime(oldest)
	r.others(f)
	f.Older = r.m.left(r.dirs) // with what others has learned of the directories
	r.accepts(f)
	r.inSessions(f)
	r.state(f)
	return f
}

// others lists the other logs that were here, and those of the same user that are
// not where they were.
func (r *headsCheck) others(f *HeadsResult) {
	users := map[group]bool{}
	if r.m.Name != "" { // which directory it is, only the heads say
		for _, g := range r.groups {
			users[group{host: g.host, uid: g.uid}] = true
			for d := range g.dirs {
				r.dirs[d] = true
			}
		}
	}
	for _, g := range r.m.order {
		if g.log == r.log || r.m.Name != "" && !users[group{host: g.host, uid: g.uid}] {
			continue
		}
		slices.SortFunc(g.heads, func(x, y seenHead) int { return x.compare(&y) })
		g.heads = slices.CompactFunc(g.heads, seenHead.same)
		h := g.heads[0]
		for _, x := range g.heads {
			if h.time().Before(x.time()) {
				h = x
			}
		}
		o := Other{
			Log: g.log, Heads: int64(len(g.heads)), File: dayFile(h.day()), End: h.end, At: formatTime(h.time()),
			ID: h.event(), Doubtful: r.doubts(&h), newest: h.time(), Accepted: slices.Contains(r.accept, g.log.String()),
		}
		switch here := g.at(r.dirs); {
		case here && len(f.Replaced) < maxListed:
			f.Replaced = append(f.Replaced, o)
		case here:
			f.Mismatched++ // more than are listed
		case r.m.There != nil && !o.Accepted && len(f.Gone) < maxListed && !r.m.There(g.log, g.dir, o.File, o.End):
			o.Dir = g.dir
			f.Gone = append(f.Gone, o)
		}
	}
}

// An Acceptance is what --accept takes of a head: its id, which covers all heads that the
// log does not agree with and that did not come later; and after a colon, how many these
// are at most. So that it does not cover what is cut off another time, further back.
type Acceptance struct {
	ID   string
	Most int64 // 0: any number
}

// ParseAcceptance is the inverse of [Acceptance.String].
func ParseAcceptance(s string) (a Acceptance, err error) {
	id, most, bound := strings.Cut(s, ":")
	if !bound || id == "sha256" {
		return Acceptance{ID: s}, nil
	}
	a.ID = id
	if a.Most, err = strconv.ParseInt(most, 10, 64); err == nil && a.Most < 1 {
		err = strconv.ErrRange
	}
	return a, err
}

func (a Acceptance) String() string {
	if a.Most == 0 {
		return a.ID
	}
	return fmt.Sprintf("%s:%d", a.ID, a.Most)
}

// accepts marks what was accepted.
func (r *headsCheck) accepts(f *HeadsResult) {
	var accept []Acceptance
	for _, s := range r.accept {
		if a, err := ParseAcceptance(s); err == nil && strings.HasPrefix(a.ID, "evt_") {
			accept = append(accept, a)
		}
	}
	all := slices.Clone(r.mismatched) // what there is to accept
	for _, g := range r.m.order {
		if slices.ContainsFunc(f.Replaced, func(o Other) bool { return o.Log == g.log && !o.Accepted }) {
			all = append(all, g.heads...)
		}
	}
	slices.SortFunc(all, func(x, y seenHead) int { return x.time().Compare(y.time()) })
	var until time.Time
	for i := range all {
		id := all[i].event()
		for _, a := range accept {
			if a.ID != id {
				continue
			}
			at := all[i].time()
			n := i + 1
			for n < len(all) && !all[n].time().After(at) {
				n++
			}
			if a.Most == 0 || int64(n) <= a.Most {
				until = at
			}
			if a.Most == 0 {
				if f.Bound == nil {
					f.Bound = map[string]string{}
				}
				f.Bound[id] = Acceptance{id, int64(n)}.String()
			}
		}
	}
	f.Mismatched = f.Mismatched - int64(len(r.mismatched)) // those of logs that are not listed
	for i := range r.mismatched {
		h := &r.mismatched[i]
		accepted := !h.time().After(until)
		if i < maxListed {
			f.Mismatched++
			f.MismatchedHeads = append(f.MismatchedHeads, MismatchedHead{
				ID: h.event(), Log: r.log, File: dayFile(h.day()), End: h.end, At: formatTime(h.time()), Why: r.whys[i], Doubtful: r.doubts(h), Accepted: accepted,
			})
		} else if !accepted && !r.doubts(h) {
			f.Mismatched++
		}
	}
	for i := range f.Replaced {
		o := &f.Replaced[i]
		o.Accepted = o.Accepted || !o.newest.After(until)
	}
	// What is open is accepted by the newest that is, with all before it.
	open := func(h *seenHead) bool { return !r.doubts(h) && h.time().After(until) }
	for n := len(all); n > 0; n-- {
		if h := &all[n-1]; open(h) {
			f.Accept = Acceptance{h.event(), int64(n)}.String()
			break
		}
	}
}

// inSessions counts what is missing within sessions.
func (r *headsCheck) inSessions(f *HeadsResult) {
	var window time.Time
	all := map[[16]byte]*seenSession{}
	for _, g := range r.groups {
		for key, s := range g.sessions {
			all[key] = s
			_, within := r.sessions[key]
			f.Missing += s.missing(within)
			if !s.ended {
				f.Unended++
				if s.newest.After(window) {
					window = s.newest
				}
			}
		}
	}
	f.Window = formatTime(window)
	for _, c := range r.ahead {
		if r.elsewhere[c.session] {
			continue // another machine has another clock
		}
		if f.Ahead++; len(f.Aheads) < maxListed {
			f.Aheads = append(f.Aheads, fmt.Sprintf("%s:%d claims %s, and the system's log saw it at %s",
				dayFile(c.day), c.line, formatTime(time.UnixMilli(c.at)), formatTime(c.seen)))
		}
	}
	for key := range r.sessions {
		if all[key] == nil {
			f.Silent++
		}
	}
	for key := range r.elsewhere {
		if all[key] == nil { // else its journal was brought here
			f.Elsewhere++
		}
	}
}

// state says what it comes to.
func (r *headsCheck) state(f *HeadsResult) {
	lack := func(n int64, what, rest string) {
		if n > 0 {
			f.Lacking = append(f.Lacking, text.Count(n, what)+rest)
		}
	}
	switch {
	case f.State != "":
		f.Lacking = []string{f.Why}
		return
	case f.Heads == 0 && len(f.Replaced) > 0:
		f.State = "partial"
		f.Lacking = []string{"it has heads of another log in this directory, and none of this one"}
	case f.Heads == 0:
		f.State, f.Why = "absent", "it has no head of this log"
		f.Lacking = []string{f.Why}
	}
	if f.Heads > 0 {
		lack(f.After, "record", " after the newest head")
	}
	lack(f.Missing, "head", " missing, by their numbers")
	lack(f.Silent, "session", " without a head, where one could be")
	lack(int64(len(f.Gone)), "other log", " of this user not where the system's log saw it, or shorter")
	lack(f.Older, "older head", " not looked at: there are too many")
	if f.Unread = text.Clip(r.m.Reach.Partial, maxClip); f.Unread != "" {
		f.Lacking = append(f.Lacking, "not all of it could be read: "+f.Unread)
	}
	for _, u := range f.MismatchedHeads {
		f.doubts = f.doubts || u.Doubtful && !u.Accepted
	}
	for _, o := range f.Replaced {
		f.doubts = f.doubts || o.Doubtful && !o.Accepted
	}
	if f.State == "" {
		f.State = "partial"
		if len(f.Lacking) == 0 {
			f.State = "all"
		}
	}
}
