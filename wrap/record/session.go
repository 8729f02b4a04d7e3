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
// in the log, the peers and the tools, and adds what is to be recorded to the
// queue. It delays and changes no message, and ignores what it does not understand.
type session struct {
	id      string
	opts    *Options
	queue   *queue
	output  *Output
	pending *pending

	serverEnded atomic.Bool // the server ended the session, not the client
	advised     atomic.Bool // advise has given its advice

	mu    sync.Mutex // guards all below
	begun bool       // there was a call
	ended bool       // finish was called
	peers peers
	tools tools
	files chan []event.File // set at the first call; has one value once the files are hashed

	logging sync.WaitGroup     // session events that wait for the hashes of files
	stop    context.CancelFunc // stops the hashing; set together with files
}

func newSession(id string, o *Options, q *queue, out *Output) *session {
	return &session{id: id, opts: o, queue: q, output: out, pending: newPending(), tools: tools{session: id, opts: o}}
}

// hashTime is the time limit for the hashes of files.
const hashTime = 10 * time.Second

// called adds calls that are in the log, before the server gets them.
func (s *session) called(calls []Call, logged []*loggedCall, signer *sign.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		s.queue.start(signer)
		s.peers.callSays(&calls[0])
		s.hashFiles()
		s.logSession()
	}
	if i, ok := s.tools.changed(); ok {
		s.queue.add(i)
	}
	for _, c := range logged {
		if givenUp := s.pending.callSent(c); givenUp != nil {
			s.queue.add(s.unanswered(givenUp))
		}
	}
}

// hashFiles starts to hash the files of the server's program. The caller holds mu.
func (s *session) hashFiles() {
	ctx, stop := context.WithTimeout(context.Background(), hashTime)
	s.files, s.stop = make(chan []event.File, 1), stop
	go func() {
		defer stop()
		var files []event.File
		if s.opts.Files != nil {
			files = s.opts.Files(ctx)
		}
		s.files <- files
	}()
}

// logSession queues the session's event as soon as its files are hashed. The caller
// holds mu.
func (s *session) logSession() {
	if s.ended {
		return
	}
	e := s.peers.event(s.id, s.opts)
	s.logging.Go(func() {
		e.Files = <-s.files
		s.files <- e.Files // for a second event
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
	if i, ok := s.tools.changed(); ok {
		s.queue.add(i)
	}
	s.mu.Unlock()
	ended := "the client ended the session"
	if s.serverEnded.Load() {
		ended = "the server ended"
	}
	ends, never := s.pending.left(ended)
	for _, e := range ends {
		s.settle(e.call, e.end)
	}
	for calls := range slices.Chunk(never, maxListed) {
		s.queue.add(s.unanswered(calls))
	}
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
