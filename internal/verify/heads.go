package verify

import (
	"bytes"
	"encoding/hex"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Memory is what the system's log, or a file that was taken from one, has kept
// of heads: how far logs went. [Memory.Add] fills it before the log is read.
type Memory struct {
	Name string // of the file; "": this machine's own
	// Dirs are names of the directory of the log (heads.Dirs). Only of this machine's
	// own system log: a file may be of another machine.
	Dirs []string
	// Missing says why there are no entries: State is then "absent" or "unreadable".
	State, Why string
	Reach      systemlog.Reach // of this machine's own
	Began      time.Time       // when it was read, by the clock of the records
	// There says whether another log is where it was, and not shorter. Nil: it is.
	There func(log chain.Hash, file string, end int64) bool

	checker checker
	groups  map[group]*remembered
	order   []*remembered
	kept    int
	older   int64 // heads beyond maxHeads
}

// Bounds of what is remembered: the newest heads, at 48 bytes each, of so many
// logs and sessions.
const (
	maxHeads    = 2_000_000
	maxLogs     = 10_000
	maxSessions = 1_000_000
	maxDirs     = 100 // of one log
	maxHead     = 4 << 10
)

// group is which heads belong together.
type group struct {
	host, uid string
	log       chain.Hash
}

// remembered is what is known of one log from one user of one machine.
type remembered struct {
	group
	dirs     map[string]bool
	heads    []keptHead // newest first
	sessions map[[16]byte]*keptSession
}

// keptHead is a head of which the signature is good. It has 48 bytes.
type keptHead struct {
	end      int64
	hash, id [16]byte // the first half of each hash; the whole id
	at       uint32   // when it came: seconds since 2020, times two, and one if it came late
	file     uint32   // the day as a number, 20260501, unvouched and doubtful
}

// Bits of keptHead.file.
const (
	unvouched = 1 << 30 // nobody vouches for who wrote it and when
	doubtful  = 1 << 31 // and its key is not known
)

var since2020 = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (h *keptHead) late() bool      { return h.at&1 == 1 }
func (h *keptHead) time() time.Time { return since2020.Add(time.Duration(h.at>>1) * time.Second) }
func (h *keptHead) day() uint32     { return h.file &^ (doubtful | unvouched) }

// before reports whether h is before a place in the log.
func (h *keptHead) before(day uint32, end int64) bool {
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

// keptSession is what the heads of a session tell.
type keptSession struct {
	seq, first int64 // of the head seen last, and the smallest
	missing    int64 // between those that were seen
	ended      bool
	newest     time.Time
}

// lateAfter is how long a head may take to the system's log. What comes later
// says nothing of when the record was made: the machine slept, or the log was busy.
const lateAfter = 10 * time.Second

// Add takes an entry of a system's log. What is no head, or whose signature is not
// good under the key that it names, is passed over. Whether the key is known makes
// no difference if the system's log itself says which user wrote it: so no key
// that is deleted takes its heads away.
func (m *Memory) Add(e systemlog.Entry, keys Keys) {
	i := bytes.Index(e.Message, []byte(heads.Phrase))
	if i < 0 || len(e.Message)-i > maxHead {
		return
	}
	m.checker.keys = &keys
	c := m.checker.alone(bytes.TrimSpace(e.Message[i+len(heads.Phrase):])).Result
	if c.err != nil {
		return
	}
	v := c.v
	h, ok := v.Event.(event.Head)
	if !ok || !v.Follows(h.Head) {
		return
	}
	k := keptHead{end: h.End, file: dayNumber(h.File)}
	copy(k.hash[:], h.Head[:])
	if !take(&k.id, v.ID, "evt_") || k.file == 0 {
		return
	}
	at, late := e.Time, e.Time.After(v.Time.Add(lateAfter))
	if at.IsZero() {
		at, late = v.Time, true // a line of syslog has no year, and nobody vouches for it
	}
	if !e.Trusted {
		k.file |= unvouched
		if !c.known {
			k.file |= doubtful
		}
	}
	k.at = uint32(max(0, at.Sub(since2020)/time.Second)) << 1
	if late {
		k.at |= 1
	}
	g := m.group(group{e.Host, e.UID, h.Log})
	if g == nil || m.kept >= maxHeads {
		m.older++
		return
	}
	m.kept++
	g.heads = append(g.heads, k)
	for _, d := range h.Dirs {
		if len(g.dirs) < maxDirs {
			g.dirs[d] = true
		}
	}
	g.session(h, at)
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

func (m *Memory) group(key group) *remembered {
	g := m.groups[key]
	if g == nil && len(m.groups) < maxLogs {
		if m.groups == nil {
			m.groups = map[group]*remembered{}
		}
		g = &remembered{group: key, dirs: map[string]bool{}, sessions: map[[16]byte]*keptSession{}}
		m.groups[key], m.order = g, append(m.order, g)
	}
	return g
}

// session counts the heads of a session, which come in order, from either end.
func (g *remembered) session(h event.Head, at time.Time) {
	key, ok := sessionKey(h.Session)
	if !ok {
		return
	}
	s := g.sessions[key]
	if s == nil {
		if len(g.sessions) >= maxSessions {
			return
		}
		s = &keptSession{seq: h.Seq, first: h.Seq}
		g.sessions[key] = s
	}
	if gap := max(h.Seq-s.seq, s.seq-h.Seq); gap > 1 {
		s.missing += gap - 1
	}
	s.seq, s.first = h.Seq, min(s.first, h.Seq)
	s.ended = s.ended || h.Last
	if at.After(s.newest) {
		s.newest = at
	}
}

func sessionKey(session string) (key [16]byte, ok bool) {
	return key, take(&key, session, "ses_")
}

// at says whether heads of this log were of one of these directories.
func (g *remembered) at(dirs map[string]bool) bool {
	for d := range g.dirs {
		if dirs[d] {
			return true
		}
	}
	return false
}

func hexOf(half [16]byte) string { return hex.EncodeToString(half[:]) }
