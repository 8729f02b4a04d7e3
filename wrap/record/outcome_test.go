package record

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// hold keeps the log's lock, as a disk does that hangs, until the returned
// function is called.
func (s *scene) hold() (release func()) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := durable.Lock(f); err != nil {
		s.t.Fatal(err)
	}
	return func() { f.Close() }
}

// written waits until the queue is empty.
func (s *scene) written() {
	s.t.Helper()
	s.rec.session.logging.Wait()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.rec.queue.length() == 0 {
			return
		}
	}
	s.t.Fatal("outcomes are not written")
}

func TestOutcomesOff(t *testing.T) {
	s := newScene(t, func(o *Options) { o.NoOutcomes = true })
	s.play(`> {"id":0,"method":"initialize","params":{}}`, `< {"id":0,"result":{}}`, "> "+toolCall("1", "t"), `< {"id":1,"result":{}}`, "> "+toolCall("2", "t", `"requestState":"x"`))
	st := s.end()
	if len(st.calls) != 2 || len(st.outcomes) > 0 || len(st.events) > 0 {
		t.Errorf("%d calls, %d outcomes, %d events", len(st.calls), len(st.outcomes), len(st.events))
	}
}

// TestHashOnlyOutcomes: what the server wrote stays out of the log.
func TestHashOnlyOutcomes(t *testing.T) {
	s := newScene(t, func(o *Options) { o.Params = ParamsHash })
	s.expect([]string{"> " + toolCall("1", "t"), `< {"id":1,"error":{"code":-5,"message":"hush"}}`},
		`1 failed, JSON-RPC error, -5 {"code":-5,"message":"hush"}`)
}

// TestErrorText is bounded, and whole characters.
func TestErrorText(t *testing.T) {
	message := strings.Repeat("é", 500)
	s := newScene(t)
	s.play("> "+toolCall("1", "t"), `< {"id":1,"error":{"code":1,"message":"`+message+`"}}`)
	st := s.end()
	got := st.outcomes[st.calls[0].ID][0].Outcome.Error
	if want := "1: " + message[:196] + "..."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOutcomesDoNotWait: a disk that hangs keeps neither the server's output nor,
// for long, the end of the session; what could not be written is said.
func TestOutcomesDoNotWait(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "t"), toolCall("2", "t"))
	s.written() // the session's event
	release := s.hold()
	s.server(`{"id":1,"result":{}}`)
	s.rec.session.finish(50 * time.Millisecond)
	select {
	case <-s.rec.queue.idle:
		t.Error("the end waited for the disk")
	default:
	}
	defer func() {
		release()
		<-s.rec.queue.idle
	}()
	if said := s.told(); !strings.Contains(said, "2 outcomes could not be logged") { // the second is that 2 has none
		t.Errorf("it said %q", said)
	}
}

// TestOutcomesTravelWithCalls: an outcome goes into the log before the next
// call's record, with one sync for both.
func TestOutcomesTravelWithCalls(t *testing.T) {
	s := newScene(t)
	s.rec.queue.waiting = time.Hour // as if the client were quick to call again, however busy the machine
	const calls = 50
	s.client(toolCall("0", "t"))
	s.rec.session.logging.Wait() // the session's event
	for i := range calls {
		s.server(`{"id":` + strconv.Itoa(i) + `,"result":{}}`)
		s.rec.queue.allSigned(t)
		s.client(toolCall(strconv.Itoa(i+1), "t"))
		if n := s.rec.queue.length(); n > 0 {
			t.Fatalf("call %d left %d outcomes in the queue", i+1, n)
		}
	}
	st := s.end()
	if len(st.calls) != calls+1 || len(st.outcomes) != calls {
		t.Errorf("%d calls and %d outcomes", len(st.calls), len(st.outcomes))
	}
}

// TestOutcomesAlone: without a further call an outcome is written by itself.
func TestOutcomesAlone(t *testing.T) {
	s := newScene(t)
	s.play("> "+toolCall("1", "t"), `< {"id":1,"result":{}}`)
	s.written()
	if st := s.read(); len(st.calls) != 1 || len(st.outcomes) != 1 {
		t.Errorf("%d calls and %d outcomes", len(st.calls), len(st.outcomes))
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// allSigned waits until all that is queued is ready to be written, or has been.
func (q *queue) allSigned(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		q.mu.Lock()
		done := q.signed == len(q.items)
		q.mu.Unlock()
		if done {
			return
		}
	}
	t.Fatal("outcomes are not signed")
}

// TestEventThatCannotBeSigned is left out, and keeps neither calls nor outcomes
// from being recorded.
func TestEventThatCannotBeSigned(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "t"))
	s.written()
	s.rec.queue.add(item{event: event.Other{Kind: "note", Rest: []event.Member{{Name: "x", Value: []byte("no JSON")}}}})
	s.server(`{"id":1,"result":"a"}`)
	s.client(toolCall("2", "t"))
	s.server(`{"id":2,"result":"b"}`)
	s.expect(nil, `1 executed "a"`, `2 executed "b"`)
	if said := s.told(); !strings.Contains(said, "a note event cannot be recorded") {
		t.Errorf("it said %q", said)
	}
}

// failingKey is a key that fails while it is broken.
type failingKey struct {
	crypto.Signer
	broken atomic.Bool
}

func (k *failingKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.broken.Load() {
		return nil, errors.New("no agent")
	}
	return k.Signer.Sign(r, message, o)
}

// TestOutcomeThatCannotBeSigned is lost, which is said, and holds up no other.
func TestOutcomeThatCannotBeSigned(t *testing.T) {
	key := &failingKey{Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	s := newScene(t, func(o *Options) {
		o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") }
	})
	s.client(toolCall("1", "t"), toolCall("2", "t"))
	s.written()
	key.broken.Store(true)
	s.server(`{"id":1,"result":"a"}`)
	s.written()
	key.broken.Store(false)
	s.server(`{"id":2,"result":"b"}`)
	st := s.end()
	if n := len(st.outcomes); n != 1 || len(st.outcomes[st.calls[1].ID]) != 1 {
		t.Errorf("%d outcomes: %v", n, st.outcomes)
	}
	if said := s.told(); !strings.Contains(said, "an outcome cannot be signed: sign a receipt: no agent") || !strings.Contains(said, "1 outcome could not be logged") {
		t.Errorf("it said %q", said)
	}
}

// TestOutcomesComeLater: when the log cannot be written, outcomes wait until it
// can, and are then there once.
func TestOutcomesComeLater(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "t"), toolCall("2", "t"))
	s.written()
	if runtime.GOOS == "windows" {
		t.Skip("a directory with open files cannot be renamed on Windows")
	}
	away := s.dir + ".away"
	if err := os.Rename(s.dir, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.server(`{"id":1,"result":"a"}`)
	for i := 0; !strings.Contains(s.told(), "outcomes cannot be recorded"); i++ {
		if i > 3000 {
			t.Fatalf("it said %q", s.told())
		}
		time.Sleep(10 * time.Millisecond)
	}
	// No new try may come in between: it would make the directory again.
	out := s.rec.queue
	out.mu.Lock()
	err := errors.Join(os.Remove(s.dir), os.Rename(away, s.dir))
	out.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	s.server(`{"id":2,"result":"b"}`)
	s.expect(nil, `1 executed "a"`, `2 executed "b"`)
}

// heldKey is a key that makes no signature while it is locked.
type heldKey struct {
	crypto.Signer
	sync.Mutex
}

func (k *heldKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	k.Lock()
	defer k.Unlock()
	return k.Signer.Sign(r, message, o)
}

// TestOutcomesAreBounded: while the key hangs, what waits for it takes bounded
// memory. Large responses are reduced to their hash, and then some are lost, which
// is said.
func TestOutcomesAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector itself takes memory")
	}
	key := &heldKey{Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	s := newScene(t, func(o *Options) {
		o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") }
	})
	const large, small = 40, maxItems
	var calls []string
	for i := range large {
		calls = append(calls, toolCall(strconv.Itoa(i), "t"))
	}
	s.client(calls...)
	s.written()
	key.Lock()
	text := `{"id":N,"result":{ "isError":true,"s":"` + strings.Repeat("x", mcpwire.MaxKept-100) + `"}}` + "\n"
	for i := range large {
		s.write(strings.Replace(text, "N", strconv.Itoa(i), 1))
	}
	out := s.rec.queue
	out.mu.Lock()
	held := 0
	for _, j := range out.items {
		held += len(j.response.Value)
	}
	if held > maxQueued || held < maxQueued/2 || held != out.kept {
		t.Errorf("%d bytes are held, %d counted", held, out.kept)
	}
	out.mu.Unlock()
	c := s.rec.session.pending.order[0]
	for range small {
		out.add(item{call: c, response: mcpwire.Response{Sum: event.HashOf([]byte("x"))}})
	}
	out.mu.Lock()
	if n := len(out.items); n != maxItems || out.lost != large {
		t.Errorf("%d wait and %d are lost", n, out.lost)
	}
	out.mu.Unlock()
	key.Unlock()
	s.written()
	s.close()
	if said := s.told(); !strings.Contains(said, strconv.Itoa(large)+" outcomes could not be logged") {
		t.Errorf("it said %q", said)
	}
	st := s.read()
	raw := 0
	for _, c := range st.calls[1:] {
		o := st.outcomes[c.ID][0].Outcome
		if o.Status != "failed" || !strings.HasPrefix(o.Reason, "isError") {
			t.Errorf("%+v", o)
		}
		if strings.Contains(o.Reason, "bytes as sent") {
			raw++
		}
	}
	if want := large - maxQueued/mcpwire.MaxKept; raw < want-1 || raw > want+1 {
		t.Errorf("%d responses were reduced to the hash of their bytes, want %d", raw, want)
	}
	if out.kept != 0 {
		t.Errorf("%d bytes are counted and none are held", out.kept)
	}
}
