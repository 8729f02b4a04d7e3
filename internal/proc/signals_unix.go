//go:build unix

package proc

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// passedOn says whether sig is one that a client, a user or the system sends to a
// server. The others are about one process, cannot be caught, or are used by the Go
// runtime (URG, PROF).
func passedOn(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU,
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGURG, syscall.SIGPROF:
		return false
	}
	return true
}

// likely are the signals that are caught before the server starts.
var likely = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// asksToEnd says whether sig asks most programs to end.
func asksToEnd(sig syscall.Signal) bool {
	return sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGHUP || sig == syscall.SIGQUIT
}

// signalled is the signals that this process got.
type signalled struct {
	last   atomic.Int32  // the newest one that asks to end; 0: none
	writes atomic.Int64  // Server.writes at that time
	stays  bool          // TSTP was ignored when we started
	caught chan struct{} // closed when all signals are caught
}

// catch is called before the server's start, so that no signal kills this process
// and leaves the server. The server starts with the dispositions that we
// inherited: exec resets what is caught, and what is ignored stays so. relay
// catches the rest after the start: signals that were ignored when we started, and
// those that hardly anybody sends, because Go takes about 10 µs for each.
func (s *Server) catch() {
	for _, sig := range ignoredAtStart() {
		signal.Ignore(sig)
	}
	for _, sig := range likely {
		if !signal.Ignored(sig) {
			s.notify(sig)
		}
	}
	// A client that stopped reading must not kill this process: the write fails
	// instead. Not signal.Ignore, which the server would inherit.
	signal.Notify(s.signals, syscall.SIGPIPE)
}

func (s *Server) notify(sig syscall.Signal) {
	// The terminal stops us and the server together.
	if sig > 0 && passedOn(sig) && !(sig == syscall.SIGTSTP && s.group.shared) {
		signal.Notify(s.signals, sig)
	}
}

// relay passes each signal on; the kernel drops those that the server ignores.
func (s *Server) relay() {
	for _, sig := range likely {
		s.notify(sig)
	}
	s.signalled.caught = make(chan struct{})
	go func() {
		s.signalled.stays = ignored(syscall.SIGTSTP)
		for sig := range maxSignal + 1 {
			s.notify(sig)
		}
		close(s.signalled.caught)
		for {
			select {
			case sig := <-s.signals:
				s.pass(sig.(syscall.Signal))
			case <-s.stop:
				return
			}
		}
	}()
}

// release restores what signals did before.
func (s *Server) release() {
	if s.signalled.caught != nil {
		<-s.signalled.caught
	}
	signal.Stop(s.signals)
	close(s.stop)
}

func (s *Server) pass(sig syscall.Signal) {
	if sig == syscall.SIGPIPE || sig == syscall.SIGXFSZ {
		return // from a write of our own, which fails too
	}
	if asksToEnd(sig) {
		select {
		case <-s.done:
			s.hurryUp() // the remaining processes had their time
			return
		default:
		}
		s.signalled.writes.Store(s.writes.Load())
		s.signalled.last.Store(int32(sig))
	}
	if s.group.shared && terminalSends(sig) {
		return // the server has it already, and a second one can mean "now"
	}
	if sig == syscall.SIGTSTP && inSessionOfOurOwn() {
		return // no process could continue us, so the kernel does not stop us
	}
	s.process.Signal(sig) // fails if it has ended
	if sig == syscall.SIGTSTP && !s.signalled.stays {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP) // for a parent that waits for that
	}
}

// inSessionOfOurOwn says whether our parent is in another session.
func inSessionOfOurOwn() bool {
	ours, err1 := unix.Getsid(0)
	theirs, err2 := unix.Getsid(os.Getppid())
	return err1 == nil && err2 == nil && ours != theirs
}

// Asked says whether the server, which has ended, was asked to end. INT and the
// like often mean something else: a server that got one, and then more input, was
// not asked to end.
func (s *Server) Asked() bool {
	switch sig := syscall.Signal(s.signalled.last.Load()); sig {
	case 0:
		return false
	case syscall.SIGTERM:
		return true
	default:
		return s.writes.Load() == s.signalled.writes.Load() || s.Exit().Code == 128+int(sig)
	}
}
