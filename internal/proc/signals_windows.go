package proc

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// killAfter is how long a server may take to end when this process was told to end.
const killAfter = 1500 * time.Millisecond

// signalled is the time when this process was told to end.
type signalled struct {
	at atomic.Int64 // Unix nanoseconds; 0: it was not
}

// Asked says whether the server was asked to end.
func (s *Server) Asked() bool { return s.signalled.at.Load() != 0 }

// catch catches Ctrl-C and Ctrl-Break, and the closing of the console, logoff and
// shutdown (SIGTERM in Go). Clients do not send these: they end a server with
// TerminateProcess, which sends nothing, and the job ends the rest.
func (s *Server) catch() { signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM) }

// release restores what the events did before.
func (s *Server) release() {
	signal.Stop(s.signals)
	close(s.stop)
}

// relay ends the server when this process is told to end. The server shares our
// console and got the event itself, so it has killAfter to end; a second event ends
// it at once.
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
