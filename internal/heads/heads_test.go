package heads

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// kept is a system log that can refuse.
type kept struct {
	mu     sync.Mutex
	refuse bool
	blind  bool // it looks at nothing
	heads  []event.Head
	most   int // bytes
}

func (k *kept) To() string { return "journald" }

func (k *kept) Send(_ string, message []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse {
		return errors.New("the queue is full")
	}
	if k.blind {
		return nil
	}
	v, err := sign.Verify([]byte(strings.TrimPrefix(string(message), Phrase)), sign.AnyKey)
	if err != nil {
		return err
	}
	k.heads, k.most = append(k.heads, v.Event.(event.Head)), max(k.most, len(message))
	return nil
}

func (k *kept) all() []event.Head {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]event.Head(nil), k.heads...)
}

func session(t testing.TB, to *kept, o chain.Options) (s *Sender, call func()) {
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", strings.Repeat("long", 1000))
	if err != nil {
		t.Fatal(err)
	}
	l := chain.New(t.TempDir(), o)
	t.Cleanup(func() { l.Close() })
	s = New(l, signer, "ses_"+strings.Repeat("0", 32), to, func() chain.Hash { return chain.Hash{9} })
	return s, func() {
		written, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
			r, err := signer.Event(event.Gap{Session: s.session, Calls: 1, From: at.Time, To: at.Time}, at.Time, at.Prev)
			return r.Record, err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Wrote(written)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// What is refused, or not on the disk yet, goes out as one newer head, and a burst
// in few; the last head covers all.
func TestHeads(t *testing.T) {
	for name, o := range map[string]chain.Options{"Sync": {}, "NoSync": {NoSync: true}} {
		t.Run(name, func(t *testing.T) {
			to := &kept{refuse: true}
			s, call := session(t, to, o)
			call()
			call()
			to.mu.Lock()
			to.refuse = false
			to.mu.Unlock()
			until(t, "a head comes by itself", func() bool { return len(to.all()) == 1 })
			for range 500 {
				call()
			}
			s.Close()
			all := to.all()
			if len(all) > 400 || to.most > 1000 {
				t.Errorf("%d heads of up to %d bytes", len(all), to.most)
			}
			at, _ := s.log.End()
			last := all[len(all)-1]
			if !last.Last || last.End != at.Offset || last.Head != at.Hash || last.Seq != int64(len(all)-1) || last.Policy != (chain.Hash{9}) || name == "Sync" && last.Lost == 0 {
				t.Errorf("%+v, and the log ends at %+v", last, at)
			}
		})
	}
}

// A head has a thousand bytes at most with all that syslog puts before it, whatever
// its numbers.
func TestHeadsAreShort(t *testing.T) {
	to := &kept{}
	s, call := session(t, to, chain.Options{})
	call()
	const most = 1<<53 - 1 // what JSON numbers can be trusted with
	s.mu.Lock()
	s.seq, s.lost = most-1, most
	sent := s.send(chain.End{Position: chain.Position{File: "9999-12-31.jsonl", Offset: most}, Hash: chain.Hash{1}, Time: time.Now()}, true)
	s.mu.Unlock()
	if header := len("<14>signet-wrap[4194304]: "); !sent || to.most+header > 1000 {
		t.Errorf("%d bytes and a header of %d", to.most, header)
	}
	t.Logf("%d bytes", to.most)
}

// BenchmarkHead is what a head costs a call, but for the system's own part.
func BenchmarkHead(b *testing.B) {
	s, call := session(b, &kept{blind: true}, chain.Options{NoSync: true})
	call()
	at, _ := s.log.End()
	for b.Loop() {
		s.mu.Lock()
		s.send(at, false)
		s.mu.Unlock()
	}
}
