package record

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// session follows a session in both directions. It finds the responses to the calls
// in the log, the peers and the tools, and adds items to the
// queue. It delays and changes no message, and ignores what it does not understand.
type session struct {
	id      string
	opts    *Options
	queue   *queue
	output  *Output
	pending *pending

	serverEnded atomic.Bool // the server ended the session, not the client
	advised     atomic.Bool // advise has given its advice
	silent      atomic.Bool // who holds the key did not respond in time to cosign, and has signed no call since

	mu    sync.Mutex // guards all below
	begun bool       // there was a call
	ended bool       // finish was called
	peers peers
	tools tools
	place chan place // set with the first event; has one value once it is known

	queued  chan struct{}      // closed when the last session event is in the queue; nil: there was none
	logging sync.WaitGroup     // session events that wait for the place
	stop    context.CancelFunc // stops the hashing; set together with place

	definitions *definitions // of the tools
	contexts    *contexts    // of the calls
}

func newSession(id string, o *Options, q *queue, out *Output) *session {
	return &session{
		id: id, opts: o, queue: q, output: out, pending: newPending(), tools: tools{session: id, opts: o},
		definitions: newDefinitions(o), contexts: newContexts(id, q), stop: func() {},
	}
}

// hashTime is the time limit for the hashes of files.
const hashTime = 10 * time.Second

// called adds calls that are in the log, before the server gets them.
func (s *session) called(calls []Call, logged []*loggedCall, signer *sign.Signer) {
	s.silent.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginWith(&calls[0], signer)
	if i, ok := s.tools.changed(logged[0].receipt); ok {
		s.queue.add(i)
	}
	for i, c := range logged {
		s.contexts.add(&calls[i], c.receipt, s.peers.clientOf(&calls[i]))
		if s.opts.logsMissing() && calls[i].Carried == nil {
			s.queue.add(item{event: event.NoReceipt{Session: s.id, Call: c.receipt}})
		}
		if givenUp := s.pending.callSent(c); givenUp != nil {
			s.queue.add(s.unanswered(givenUp))
		}
	}
}

// begin begins the session with its first call, one that the server does not get.
func (s *session) begin(first *Call, signer *sign.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginWith(first, signer)
}

// beginWith is begin for a caller that holds mu.
func (s *session) beginWith(first *Call, signer *sign.Signer) {
	if s.begun {
		return
	}
	s.begun = true
	s.queue.start(signer)
	s.peers.callSays(first)
	if !s.opts.Begun {
		s.logSession()
	}
	s.definitions.begin()
}

// place is what the session's event says of this machine.
type place struct {
	files       []event.File       // of the server's program
	environment *event.Environment // nil: it is not to be recorded
}

// findPlace starts to find out the place. The caller holds mu.
func (s *session) findPlace() {
	ctx, stop := context.WithTimeout(context.Background(), hashTime)
	s.place, s.stop = make(chan place, 1), stop
	go func() {
		defer stop()
		var p place
		if s.opts.Files != nil {
			p.files = s.opts.Files(ctx)
		}
		if !s.opts.NoEnvironment {
			p.environment = environment(ctx)
		}
		s.place <- p
	}()
}

// logSession queues the session's event as soon as its place is known. The caller
// holds mu.
func (s *session) logSession() {
	if s.ended {
		return
	}
	if s.place == nil {
		s.findPlace()
	}
	e := s.peers.event(s.id, s.opts)
	before, queued := s.queued, make(chan struct{})
	s.queued = queued
	s.logging.Go(func() {
		defer close(queued)
		p := <-s.place
		s.place <- p // for a second event
		e.Files, e.Environment = p.files, p.environment
		if before != nil {
			<-before
		}
		s.queue.add(item{event: e})
	})
}

// finish records what is left: tools that changed after the last call, tasks that
// are known to have ended, calls without a response. It waits for the queue, but
// not longer than patience.
func (s *session) finish(patience time.Duration) {
	s.mu.Lock()
	again := s.ended || !s.begun
	s.ended = true
	s.mu.Unlock()
	if again {
		return
	}
	// In a short session, the files of a large program may not be hashed yet.
	queued := make(chan struct{})
	go func() {
		defer close(queued)
		s.logging.Wait()
	}()
	select {
	case <-queued:
	case <-time.After(min(patience/2, time.Second)):
		s.stop()
		<-queued
	}
	s.mu.Lock()
	if i, ok := s.tools.changed(""); ok {
		s.queue.add(i)
	}
	s.mu.Unlock()
	s.contexts.flush()
	ended := "the client ended the session"
	if s.serverEnded.Load() {
		ended = "the server ended"
	}
	ends, never := s.pending.left(ended)
	if s.opts.Session != "" {
		never = nil
	}
	for _, e := range ends {
		s.settle(e.call, e.end)
	}
	for calls := range slices.Chunk(never, maxListed) {
		s.queue.add(s.unanswered(calls))
	}
	s.definitions.finish(patience / 2)
	s.queue.finish(patience)
}

// add queues an item from outside the session, if there was a call.
func (s *session) add(i item) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		s.queue.add(i)
	}
	return s.begun
}

// maxListed is the maximum number of calls in one event: see maxToolEvent.
const maxListed = 200

func (s *session) unanswered(calls []event.Call) item {
	return item{event: event.Unanswered{Session: s.id, Calls: calls}}
}
