//go:build unix

package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func sameEnv(a, b string) bool { return a == b }

func notExecutable(err error) bool {
	return errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.EISDIR)
}

func permissionHint(name string) string {
	return fmt.Sprintf("chmod +x %s, or put its interpreter in front", name)
}

// newCommand makes the server's command, not yet started, in a process group
// of its own, which is what signals go to: npm swallows INT, and dies of TERM
// without its child.
func newCommand(c Command) (*exec.Cmd, error) {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	return cmd, cmd.Err
}

// UntilEnd reads f to its end.
func UntilEnd(f *os.File) io.ReadCloser { return f }

// group is the server's process group and the guard that watches it.
type group struct {
	id    int // kept from the start: after reaping, the number may be another's
	guard *guard
}

func newGroup(leader *os.Process) group {
	return group{id: leader.Pid, guard: startGuard(leader.Pid)}
}

func (g group) signal(s syscall.Signal) error { return syscall.Kill(-g.id, s) }

// gone says whether no process of the group is left. Those that have died and
// are not waited for by anybody, as in a container without an init, do not
// count.
func (g group) gone() bool { return errors.Is(g.signal(0), syscall.ESRCH) || allDead(g.id) }

// Finish ends what the server left behind, if we were told to end, and the
// guard. A server that ended by itself may have left children on purpose.
func (s *Server) Finish(e *Ending) {
	if at, asked := e.Deadline(); asked {
		for !s.group.gone() && time.Now().Before(at) {
			time.Sleep(10 * time.Millisecond)
		}
		s.group.signal(syscall.SIGKILL)
	}
	s.group.guard.dismiss()
}

// Signals are those that a client or a person sends us and that are the
// server's to answer.
type Signals struct {
	ch chan os.Signal
}

// CatchSignals comes before the server's start, so that no signal kills us
// and leaves it behind.
func CatchSignals() *Signals {
	s := &Signals{ch: make(chan os.Signal, 16)}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2} {
		// What was ignored stays ignored, as under nohup.
		if !signal.Ignored(sig) {
			signal.Notify(s.ch, sig)
		}
	}
	// A client that stopped reading must not kill us: writing fails instead.
	// Not signal.Ignore, which the server would inherit.
	signal.Notify(s.ch, syscall.SIGPIPE)
	return s
}

// Release lets the signals go where they went before.
func (s *Signals) Release() { signal.Stop(s.ch) }

// RelayTo sends each signal on to the server's group. After INT or TERM the
// group has killAfter to end; a second signal ends it at once.
func (s *Signals) RelayTo(srv *Server, stop <-chan struct{}) *Ending {
	e := &Ending{}
	go func() {
		var kill <-chan time.Time
		for {
			select {
			case <-stop:
				return
			case <-kill:
				srv.group.signal(syscall.SIGKILL)
			case sig := <-s.ch:
				switch sig := sig.(syscall.Signal); {
				case sig == syscall.SIGPIPE:
				case kill != nil && sig != syscall.SIGUSR1 && sig != syscall.SIGUSR2:
					e.at.Store(time.Now().UnixNano())
					srv.group.signal(syscall.SIGKILL)
				default:
					srv.group.signal(sig)
					if sig == syscall.SIGINT || sig == syscall.SIGTERM {
						e.at.Store(time.Now().Add(killAfter).UnixNano())
						kill = time.After(killAfter)
					}
				}
			}
		}
	}()
	return e
}

// Exit is how the server ended. Call it after Done.
func (s *Server) Exit() Exit {
	if ws, ok := s.state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Exit{Code: 128 + int(ws.Signal()), Signal: ws.Signal()}
	}
	return Exit{Code: s.state.ExitCode()}
}

// Mirror ends this process by the signal that ended the server, or returns
// the exit status if none did.
func (e Exit) Mirror() int {
	sig, ok := e.Signal.(syscall.Signal)
	if !ok {
		return e.Code
	}
	// No core of ours for a crash that was the server's.
	syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	switch sig {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		signal.Reset(sig)
		syscall.Kill(os.Getpid(), sig)
		time.Sleep(time.Second) // it is on its way
	default:
		// The Go runtime answers the others with a stack. A shell in our
		// place dies of them plainly.
		syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -s " + signalName(sig) + " $$"}, os.Environ())
	}
	return e.Code
}
