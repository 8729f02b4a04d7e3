// Package heads sends where the log ends to the system's log, which the account
// whose log it is can add to and cannot rewrite: truncation, an older copy, or a
// log that was made anew come to show. The format is in chain/FORMAT.md, "Heads",
// and what verification makes of it in package verify.
//
// A head is sent as soon as the records are on the disk, before their calls are
// forwarded. Nothing waits for it: what the system's log does not take, and what
// comes faster than [Rate], goes out as one newer head within a second. So a
// truncation shows at an agent's usual pace, and within a second in a burst.
package heads

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/alarm"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Bounds of how many heads are sent: Burst at once, then Rate in a second. A head
// takes some 3 KB of a journal.
const (
	Burst = 20
	Rate  = 2
)

// delay is how long what was held back waits. With a sync it stays within a second.
const delay = 800 * time.Millisecond

// Phrase stands before the JSON of a head in its message.
const Phrase = "head of a signet-wrap log "

// A Sender sends the heads of one session. Its methods may be called on nil, and
// do nothing then.
type Sender struct {
	log     *chain.Log
	signer  *sign.Signer
	session string
	to      systemlog.Sender
	dirs    []string

	made []made // by Records, of the append under way; the session's appends come one by one

	mu     sync.Mutex // guards all below
	first  chain.Hash // the log's first record
	looked bool       // for first
	seq    int64      // of the next head
	lost   int64
	sent   chain.End    // where the newest head is of
	timer  *alarm.Alarm // while something is held back
	over   bool         // Close was called
	tokens float64
	filled time.Time // when tokens were counted

	second   time.Time // since when inSecond counts
	inSecond int       // records
}

// New returns a Sender for what one session writes to a log, nil if to is nil.
func New(log *chain.Log, signer *sign.Signer, session string, to systemlog.Sender) *Sender {
	if to == nil {
		return nil
	}
	return &Sender{log: log, signer: signer, session: session, to: to, dirs: Dirs(log.Dir()), tokens: Burst, filled: time.Now()}
}

// Dirs stand for a directory, as it is named and as it is with all links resolved.
// What of it is not there is taken as it is named.
func Dirs(dir string) []string {
	named, err := filepath.Abs(dir)
	if err != nil {
		named = dir
	}
	return []string{systemlog.Directory(named), systemlog.Directory(Resolve(named))}
}

// Resolve is path with all links resolved, as far as it is there.
func Resolve(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		return resolved
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(Resolve(parent), filepath.Base(path))
}

// Wrote is called after each append of the session to the log. It does not wait
// for the disk, nor for the system's log.
func (s *Sender) Wrote(written []chain.Written) {
	if s == nil {
		return
	}
	at, synced := s.log.End()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.made) > 0 {
		s.sendRecords(written)
	}
	if s.over || at.File == "" || at == s.sent {
		return
	}
	// What is not on the disk yet is synced first, and not here.
	switch {
	case !synced || !s.token(1):
		s.later()
	case !s.send(at, false):
		s.lost++
		s.later()
	}
}

// later has what is held back sent by a timer. It needs mu.
func (s *Sender) later() {
	if s.timer == nil {
		s.timer = alarm.After(delay, s.again)
	}
}

// again sends what is held back.
func (s *Sender) again() {
	at, err := s.log.SyncApart()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	if s.over {
		return
	}
	if err == nil && (at.File == "" || at == s.sent) {
		return
	}
	s.token(-Burst) // at this pace there is always one, to be paid for later
	if err != nil || !s.send(at, false) {
		s.lost++
		s.later()
	}
}

// Close sends the session's last head. The caller has synced the log, and closes
// it afterwards.
func (s *Sender) Close() {
	if s == nil {
		return
	}
	at, synced := s.log.End()
	if !synced {
		at, _ = s.log.SyncApart()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.over = true; at.File == "" {
		return // nothing was written
	}
	for try := 0; !s.send(at, true) && try < lastTries; try++ {
		time.Sleep(lastPause)
	}
}

// How often, and how far apart, the last head of a session is tried: a queue that
// is full is soon emptied.
const (
	lastTries = 10
	lastPause = 5 * time.Millisecond
)

// token takes a token from the bucket, if there are least. It needs mu.
func (s *Sender) token(least float64) bool {
	now := time.Now()
	s.tokens = min(Burst, s.tokens+Rate*now.Sub(s.filled).Seconds())
	s.filled = now
	if s.tokens < least {
		return false
	}
	s.tokens--
	return true
}

// send says whether the head went out. It needs mu.
func (s *Sender) send(at chain.End, last bool) bool {
	if !s.looked {
		// If it cannot be read the log is damaged. No log has the zero hash as its
		// first, so that shows.
		s.first, _ = chain.First(s.log.Dir())
		s.looked = true
	}
	// Its time is that of the record: a head that comes late is known by it.
	head, err := s.signer.Event(event.Head{
		Seq: s.seq, Last: last, Lost: s.lost, Log: s.first, Dirs: s.dirs, File: at.File, End: at.Offset, Head: at.Hash, Session: s.session,
	}, at.Time, at.Hash)
	if err != nil || s.to.Send(systemlog.Identifier, append([]byte(Phrase), head.JSON...)) != nil {
		return false
	}
	s.seq++
	s.sent = at
	return true
}
