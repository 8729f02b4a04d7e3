package proc

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// killAfter is how long a server may take to end when we were told to.
const killAfter = 1500 * time.Millisecond

// signalled is by when all must be gone.
type signalled struct {
	at atomic.Int64 // unix nanoseconds; 0: nobody asked
}

// Asked says whether the server was asked to end.
func (s *Server) Asked() bool { return s.signalled.at.Load() != 0 }

// catch has us told of Ctrl-C and Ctrl-Break, and of the closing of the
// console, the user's logging off and the system's going down (SIGTERM, to
// Go). Clients do not send these: they end a server with TerminateProcess,
// which tells nobody, and the job sees to the rest.
func (s *Server) catch() { signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM) }

// release lets the events go where they went before.
func (s *Server) release() {
	signal.Stop(s.signals)
	close(s.stop)
}

// relay ends the server when we are told to end. It shares our console and has
// seen the event itself, so it has killAfter to follow; a second event ends it
// at once.
func (s *Server) relay() {
	go func() {
		var late <-chan time.Time
		for {
			select {
			case <-s.stop:
				return
			case <-s.signals:
				if !s.Asked() {
					s.signalled.at.Store(time.Now().Add(killAfter).UnixNano())
					late = time.After(killAfter)
					continue
				}
			case <-late:
			}
			s.process.Kill() // fails if it has ended
			s.hurryUp()
		}
	}()
}
