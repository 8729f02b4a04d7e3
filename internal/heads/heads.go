// Package heads sends the end of a log to the system's log. The user's programs can
// add to the system's log and cannot rewrite it, so truncation, an older copy, or a
// rewritten log shows. The format is in chain/FORMAT.md, "Heads"; package verify
// compares heads with the log.
//
// A head is sent as soon as the records are on the disk, before their calls are
// forwarded. Nothing waits for it. If the system's log does not accept heads, or
// they come faster than [Rate], one newer head is sent within a second. So
// truncation shows at once at an agent's usual pace, and within a second in a
// burst.
package heads

import (
	"crypto/ed25519"
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
// takes some 1.1 KB of a journal.
const (
	Burst = 20
	Rate  = 2
)

// delay is how long heads are held back at most. With a sync it stays within a
// second.
const delay = 800 * time.Millisecond

// Phrase is before the JSON of a head in its message.
const Phrase = "head of a signet-wrap log "

// A Sender sends the heads of one session. Its methods do nothing on nil.
type Sender struct {
	log     *chain.Log
	signer  *sign.Signer
	session string
	to      systemlog.Sender
	policy  func() chain.Hash // may be nil
	dirs    []string

	made []made // records of the current append, set by Records; the session's appends come one after the other

	mu     sync.Mutex // guards all below
	first  chain.Hash // the log's first record
	looked bool       // first was read
	seq    int64      // of the next head
	lost   int64
	sent   chain.End    // the end in the newest head
	timer  *alarm.Alarm // set while a head is held back
	over   bool         // Close was called
	tokens float64
	filled time.Time // when tokens were counted

	second   time.Time // beginning of the second that inSecond counts
	inSecond int       // records
}

// New returns a Sender for what one session writes to a log; nil if to is nil. Each
// head carries the hash that policy returns, if policy is not nil: the policy by
// which the log is anchored.
func New(log *chain.Log, signer *sign.Signer, session string, to systemlog.Sender, policy func() chain.Hash) *Sender {
	if to == nil {
		return nil
	}
	return &Sender{log: log, signer: signer, session: session, to: to, policy: policy, dirs: Dirs(log.Dir()), tokens: Burst, filled: time.Now()}
}

// Signer is what signs the heads of who signs with of, and, if it is another key, that
// key. If an agent holds the key of of, it is one in memory: a head must not wait for an
// agent, nor have it ask somebody.
func Signer(of *sign.Signer) (s *sign.Signer, key ed25519.PublicKey, err error) {
	if !of.Held() {
		return of, nil, nil
	}
	key, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	s, err = sign.NewSigner(private, "", "")
	return s, key, err
}

// Dirs identify a directory, as named and with all links resolved. A part of the
// path that does not exist is used as named.
func Dirs(dir string) []string {
	named, err := filepath.Abs(dir)
	if err != nil {
		named = dir
	}
	return []string{systemlog.Directory(named), systemlog.Directory(Resolve(named))}
}

// Resolve is path with all links resolved, as far as it exists.
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

// Wrote is called after each append of the session to the log. It waits neither for
// the disk nor for the system's log.
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
	// Records that are not on the disk yet are synced first, by again.
	switch {
	case !synced || !s.token(1):
		s.later()
	case !s.send(at, false):
		s.lost++
		s.later()
	}
}

// later starts a timer that sends what is held back. The caller holds mu.
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
	s.token(-Burst) // the timer may always send; later heads wait longer
	if err != nil || !s.send(at, false) {
		s.lost++
		s.later()
	}
}

// Close sends the session's last head. The caller has synced the log, and closes it
// after this.
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

// How often the last head of a session is tried, and the time between: a full queue
// is soon empty again.
const (
	lastTries = 10
	lastPause = 5 * time.Millisecond
)

// token takes a token from the bucket if it has more than least. The caller holds
// mu.
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

// send sends a head and says whether the system's log took it. The caller holds mu.
func (s *Sender) send(at chain.End, last bool) bool {
	if !s.looked {
		// If it cannot be read, the log is damaged. No log's first record has the
		// zero hash, so that shows.
		s.first, _ = chain.First(s.log.Dir())
		s.looked = true
	}
	e := event.Head{
		Seq: s.seq, Last: last, Lost: s.lost, Log: s.first, Dirs: s.dirs, File: at.File, End: at.Offset, Head: at.Hash, Session: s.session,
	}
	if s.policy != nil {
		e.Policy = s.policy()
	}
	// Its time is that of the record, which shows a late head.
	head, err := s.signer.Event(e, at.Time, at.Hash)
	if err != nil || s.to.Send(systemlog.Identifier, append([]byte(Phrase), head.JSON...)) != nil {
		return false
	}
	s.seq++
	s.sent = at
	return true
}
