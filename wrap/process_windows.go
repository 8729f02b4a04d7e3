package wrap

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

func sameEnv(a, b string) bool { return strings.EqualFold(a, b) }

func notExecutable(err error) bool { return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) }

// prepareCommand keeps a console window from opening beside a client that has
// none.
func prepareCommand(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW}
}

type group struct{ leader *os.Process }

func newGroup(leader *os.Process) group { return group{leader} }

func (s *server) finish(*ending) {}

type signals struct{ ch chan os.Signal }

func catchSignals() *signals {
	s := &signals{ch: make(chan os.Signal, 16)}
	signal.Notify(s.ch, os.Interrupt, syscall.SIGTERM)
	return s
}

func (s *signals) release() { signal.Stop(s.ch) }

// relayTo ends the server when we are told to end: it shares our console and
// has seen the event itself, so it has killAfter to follow it.
func (s *signals) relayTo(srv *server, stop <-chan struct{}) *ending {
	e := &ending{}
	go func() {
		var kill <-chan time.Time
		for {
			select {
			case <-stop:
				return
			case <-kill:
				srv.group.leader.Kill()
			case <-s.ch:
				if kill != nil {
					srv.group.leader.Kill()
					continue
				}
				e.at.Store(time.Now().Add(killAfter).UnixNano())
				kill = time.After(killAfter)
			}
		}
	}()
	return e
}

func (s *server) exit() Exit { return Exit{Code: s.state.ExitCode()} }

// Mirror returns the exit status: Windows has no signals to end by.
func (e Exit) Mirror() int { return e.Code }

func harden() {}
