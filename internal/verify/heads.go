package verify

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// SystemHeads are the heads in the log of a system, or in a file that was taken from
// it: how far logs went. [SystemHeads.Gather] fills it before the log is read.
type SystemHeads struct {
	Name string // of the file; "": this machine's own
	// Log is the log's first record, the zero Hash if there is none. Its heads are
	// kept, however many others there are.
	Log chain.Hash
	// Dirs are names of the directory of the log (heads.Dirs). Only of this machine's
	// own system log: a file may be of another machine.
	Dirs []string
	// Missing says why there are no entries: State is then "absent" or "unreadable".
	State, Why string
	Reach      systemlog.Reach // of this machine's own
	Began      time.Time       // when it was read, by the clock of the records
	// There says whether another log is where it was, and not shorter. Its directory is
	// "" if nobody who sent its heads has named it. Nil: it is.
	There func(log chain.Hash, dir, file string, end int64) bool

	writers map[writer]uint32 // of doubtful heads: numbers from 1
	groups  map[group]*logHeads
	order   []*logHeads
	kept    [2]int           // heads of other logs, and of this one
	older   int64            // heads beyond maxHeads, of which each may be one that counts
	others  map[string]int64 // and in a file, of other logs: by the directories that they name
}

// Bounds of memory: so many heads, at 56 bytes each, of so many logs and sessions.
const (
	maxHeads    = 2_000_000 // of this log, and again of the others
	maxLogs     = 10_000    // besides those that SystemHeads.Log and SystemHeads.Dirs name
	maxSessions = 1_000_000
	maxDirs     = 100 // of one log
	maxSpans    = 100 // of one session
	maxHead     = 4 << 10
)

// group is which heads belong together.
type group struct {
	host, uid string
	log       chain.Hash
}

// logHeads is what is known of one log from one user of one machine.
type logHeads struct {
	group
	dirs     map[string]bool
	dir      string     // of another log than the one that is verified; "": not known
	heads    []seenHead // newest first
	sessions map[[16]byte]*seenSession
	policy   chain.Hash // of anchoring, by the newest head that has one
	policyAt time.Time
}

// writer is who signed a head: a key that is not known, and that the session's event
// may name.
type writer struct {
	key     [ed25519.PublicKeySize]byte
	session [16]byte
}

// seenHead is a head of which the signature is good. It has 56 bytes.
type seenHead struct {
	end      int64
	at       int64    // when it came: microseconds since 1970
	hash, id [16]byte // the first half of each hash; the whole id
	file     uint32   // the day as a number, 20260501, and bits
	by       uint32   // of a doubtful one its number in SystemHeads.writers; 0: there were too many
}

// Bits of seenHead.file.
const (
	late      = 1 << 29 // see lateAfter
	unvouched = 1 << 30 // nobody vouches for who wrote it and when
	doubtful  = 1 << 31 // and its key is not known
)

func (h *seenHead) is(bit uint32) bool { return h.file&bit != 0 }
func (h *seenHead) time() time.Time    { return time.UnixMicro(h.at).UTC() }
func (h *seenHead) day() uint32        { return h.file &^ (late | unvouched | doubtful) }
func (h *seenHead) event() string      { return "evt_" + hexOf(h.id) }

// before reports whether h is before a place in the log.
func (h *seenHead) before(day uint32, end int64) bool {
	return h.day() < day || h.day() == day && h.end < end
}

// dayNumber is the day in a day file's name, 0 if it is none.
func dayNumber(file string) uint32 {
	t, err := dayOf(file)
	if err != nil || !strings.HasSuffix(file, ".jsonl") {
		return 0
	}
	return uint32(t.Year()*10000 + int(t.Month())*100 + t.Day())
}

func dayFile(day uint32) string {
	t := time.Date(int(day/10000), time.Month(day/100%100), int(day%100), 0, 0, 0, 0, time.UTC)
	return t.Format(time.DateOnly) + ".jsonl"
}

// seenSession is what the heads of a session tell.
type seenSession struct {
	seqs   []span // of the heads that were seen, in order, with gaps between them
	ended  bool
	newest time.Time
}

// span is numbers from first to last.
type span struct{ first, last int64 }

// add notes a number. It may come in any order and more than once, as where two
// files are put together.
func (s *seenSession) add(seq int64) {
	i, found := slices.BinarySearchFunc(s.seqs, seq, func(x span, seq int64) int {
		switch {
		case x.last < seq:
			return -1
		case x.first > seq:
			return 1
		}
		return 0
	})
	before := i > 0 && s.seqs[i-1].last == seq-1
	after := i < len(s.seqs) && s.seqs[i].first == seq+1
	switch {
	case found:
	case before && after:
		s.seqs[i-1].last = s.seqs[i].last
		s.seqs = slices.Delete(s.seqs, i, i+1)
	case before:
		s.seqs[i-1].last = seq
	case after:
		s.seqs[i].first = seq
	case len(s.seqs) < maxSpans: // else it stays missing
		s.seqs = slices.Insert(s.seqs, i, span{seq, seq})
	}
}

// missing is how many numbers are between those that were seen, and before them if
// the first is missed, too. A number that somebody made up makes it no more than
// maxMissing, so that a sum stays one.
func (s *seenSession) missing(first bool) (n int64) {
	for i := 1; i < len(s.seqs); i++ {
		n += min(s.seqs[i].first-s.seqs[i-1].last-1, maxMissing-n)
	}
	if first {
		n += min(s.seqs[0].first, maxMissing-n)
	}
	return n
}

const maxMissing = 1 << 40

// lateAfter is how long a head may take to the system's log. What comes later
// says nothing of when the record was made: the machine slept, or the log was busy.
const lateAfter = 10 * time.Second

// Gather returns functions that add entries of a system's log, in their order; done
// adds the last. Signatures are checked on all cores, and while more entries are read.
// An entry that is not a head with a signature that is good under the key that it names
// goes to others, which may be nil. Whether the key is known makes no difference if the
// system's log itself says which user wrote it: so no key that is deleted takes its heads
// away.
func (m *SystemHeads) Gather(keys Keys, others func(systemlog.Entry)) (add func(systemlog.Entry), done func()) {
	var now, before []gathered // what is collected, and what is being checked
	size := 0
	var checks sync.WaitGroup
	c := &checker{keys: &keys}
	next := func() {
		checks.Wait()
		for i := range before {
			switch g := &before[i]; {
			case g.ok:
				m.keep(g)
			case others != nil:
				others(g.entry)
			}
		}
		before, now, size = now, make([]gathered, 0, gatherEntries), 0
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			all := before
			checks.Go(func() {
				for i := w; i < len(all); i += workers {
					all[i].check(c)
				}
			})
		}
	}
	add = func(e systemlog.Entry) {
		now = append(now, gathered{entry: e})
		if size += len(e.Message); len(now) == gatherEntries || size > gatherBytes {
			next()
		}
	}
	return add, func() { next(); next() }
}

// How much is checked at once: entries, and bytes.
const (
	gatherEntries = 512
	gatherBytes   = 4 << 20
)

// gathered is an entry and, if it is a head, what it says.
type gathered struct {
	entry systemlog.Entry
	ok    bool
	head  event.Head
	at    time.Time
	kept  seenHead

	signers []sign.Party
}

// check looks whether the entry is a head.
func (g *gathered) check(c *checker) {
	e := &g.entry
	i := bytes.Index(e.Message, []byte(heads.Phrase))
	if i < 0 || len(e.Message)-i > maxHead {
		return
	}
	r := c.alone(bytes.TrimSpace(e.Message[i+len(heads.Phrase):])).Result
	if r.err != nil {
		return
	}
	v := r.v
	h, ok := v.Event.(event.Head)
	if !ok || !v.Follows(h.Head) || h.Seq < 0 || h.End < 0 {
		return
	}
	at, isLate := e.Time, e.Time.After(v.Time.Add(lateAfter))
	if at.IsZero() {
		at, isLate = v.Time, true // a line of syslog has no year, and nobody vouches for it
	}
	k := seenHead{end: h.End, at: at.UnixMicro(), file: dayNumber(h.File)}
	copy(k.hash[:], h.Head[:])
	if !take(&k.id, v.ID, "evt_") || k.file == 0 {
		return
	}
	if isLate {
		k.file |= late
	}
	if !e.Trusted {
		k.file |= unvouched
		if !r.known {
			k.file |= doubtful
		}
	}
	g.ok, g.head, g.at, g.kept, g.signers = true, h, at, k, v.Signers
}

// keep adds a head.
func (m *SystemHeads) keep(k *gathered) {
	g := m.group(group{k.entry.Host, k.entry.UID, k.head.Log}, k.head.Dirs)
	kept := &m.kept[0]
	if m.of(k.head.Log) {
		kept = &m.kept[1]
	}
	if g == nil || *kept >= maxHeads {
		m.leave(k)
		return
	}
	*kept++
	if k.kept.is(doubtful) {
		k.kept.by = m.writer(k.signers, k.head.Session)
	}
	g.heads = append(g.heads, k.kept)
	for _, d := range k.head.Dirs {
		if len(g.dirs) < maxDirs {
			g.dirs[d] = true
		}
	}
	if g.dir == "" && k.head.Log != m.Log {
		g.dir = namedLog(k.entry.Command, k.head.Dirs)
	}
	if !k.head.Policy.IsZero() && k.entry.Trusted && k.at.After(g.policyAt) {
		g.policy, g.policyAt = k.head.Policy, k.at
	}
	g.session(k.head, k.at)
}

// of says whether a head with this log is of the log that is verified.
func (m *SystemHeads) of(log chain.Hash) bool { return !m.Log.IsZero() && log == m.Log }

// leave counts a head that is not kept. In a file of a whole machine, or of many, those of
// other logs count only if they were in the directory of this one.
func (m *SystemHeads) leave(k *gathered) {
	if m.Name == "" || m.of(k.head.Log) || len(k.head.Dirs) == 0 || len(m.others)+len(k.head.Dirs) > maxSessions {
		m.older++
		return
	}
	if m.others == nil {
		m.others = map[string]int64{}
	}
	for i, d := range k.head.Dirs {
		if !slices.Contains(k.head.Dirs[:i], d) {
			m.others[d]++
		}
	}
}

// left is how many heads that may count were not kept, of a log in these directories.
func (m *SystemHeads) left(dirs map[string]bool) int64 {
	var n int64 // a head has several names of one directory
	for d := range dirs {
		n = max(n, m.others[d])
	}
	return m.older + n
}

// namedLog is the directory of the log that a head is of, if the command line that sent it
// names the home by its absolute path; else "". The hashes in the head say whether it is
// that one, whatever else the line has; of that, little is looked at.
func namedLog(command string, dirs []string) string {
	for range 10 {
		_, rest, named := strings.Cut(command, "--home")
		if !named || rest == "" {
			break
		}
		command = rest
		value := strings.TrimPrefix(rest[1:min(len(rest), 4<<10)], `"`) // after a space or "="; journald quotes words that have spaces
		word, _, _ := strings.Cut(value, " ")
		quoted, _, _ := strings.Cut(value, `"`)
		for _, home := range []string{word, quoted} {
			dir := filepath.Join(home, "audit")
			if filepath.IsAbs(home) && slices.Contains(dirs, systemlog.Directory(dir)) {
				return dir
			}
		}
	}
	return ""
}

// writer is the number of who signed a head of session; 0 if there are too many.
func (m *SystemHeads) writer(signers []sign.Party, session string) uint32 {
	key, ok := sessionKey(session)
	if !ok || len(signers) != 1 {
		return 0
	}
	w := writer{[ed25519.PublicKeySize]byte(signers[0].Key), key}
	n := m.writers[w]
	if n == 0 && len(m.writers) < maxSessions {
		if m.writers == nil {
			m.writers = map[writer]uint32{}
		}
		n = uint32(len(m.writers)) + 1
		m.writers[w] = n
	}
	return n
}

// named is the number of the writer that a session's event names, 0 if there is no
// doubtful head by it.
func (m *SystemHeads) named(told event.Session) uint32 {
	if len(m.writers) == 0 || told.Heads == nil {
		return 0
	}
	session, ok := sessionKey(told.Session)
	coded, keyed := strings.CutPrefix(told.Heads.Key, "ed25519:")
	key, err := base64.StdEncoding.DecodeString(coded)
	if !ok || !keyed || err != nil || len(key) != ed25519.PublicKeySize {
		return 0
	}
	return m.writers[writer{[ed25519.PublicKeySize]byte(key), session}]
}

// take decodes the 16 bytes of an id.
func take(to *[16]byte, s, prefix string) bool {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok || len(s) < 32 {
		return false
	}
	_, err := hex.Decode(to[:], []byte(s[:32]))
	return err == nil
}

// group is that of a head; nil if there are too many, and this is neither of the
// log nor of its directory: heads of ten thousand others, which cost nothing to
// make, must not keep out those that count.
func (m *SystemHeads) group(key group, dirs []string) *logHeads {
	g := m.groups[key]
	if g != nil {
		return g
	}
	here := slices.ContainsFunc(dirs, func(d string) bool { return slices.Contains(m.Dirs, d) })
	limit := maxLogs
	if here {
		limit = 2 * maxLogs
	}
	if len(m.groups) >= limit && !m.of(key.log) {
		return nil
	}
	if m.groups == nil {
		m.groups = map[group]*logHeads{}
	}
	g = &logHeads{group: key, dirs: map[string]bool{}, sessions: map[[16]byte]*seenSession{}}
	m.groups[key], m.order = g, append(m.order, g)
	return g
}

// session counts the heads of a session.
func (g *logHeads) session(h event.Head, at time.Time) {
	key, ok := sessionKey(h.Session)
	if !ok {
		return
	}
	s := g.sessions[key]
	if s == nil {
		if len(g.sessions) >= maxSessions {
			return
		}
		s = &seenSession{}
		g.sessions[key] = s
	}
	s.add(h.Seq)
	s.ended = s.ended || h.Last
	if at.After(s.newest) {
		s.newest = at
	}
}

func sessionKey(session string) (key [16]byte, ok bool) {
	return key, take(&key, session, "ses_")
}

// at says whether heads of this log were of one of these directories.
func (g *logHeads) at(dirs map[string]bool) bool {
	for d := range g.dirs {
		if dirs[d] {
			return true
		}
	}
	return false
}

func hexOf(half [16]byte) string { return hex.EncodeToString(half[:]) }
