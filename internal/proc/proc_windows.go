package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

func sameEnv(a, b string) bool { return strings.EqualFold(a, b) }

// errNoProgram is a path at which there is something, but nothing to start.
var errNoProgram = errors.New("it is a folder, or PATHEXT does not list its extension")

func notExecutable(err error) bool {
	return errors.Is(err, errNoProgram) || errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) || errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH)
}

func permissionHint(string) string { return "its permissions, or a policy of this computer, forbid it" }

// newCommand makes the server's command, not yet started, and puts us into
// the job in which it will be born.
func newCommand(c Command) (*exec.Cmd, error) {
	path, err := lookUp(c.Args[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: c.Args, SysProcAttr: &syscall.SysProcAttr{}}
	if isBatch(path) {
		system, err := windows.GetSystemDirectory()
		if err != nil {
			return nil, err
		}
		cmd.Path = filepath.Join(system, "cmd.exe")
		if cmd.SysProcAttr.CmdLine, err = batchLine(path, c.Args[1:]); err != nil {
			return nil, err
		}
	}
	// Where we have no console, neither has the server: else a window would
	// open. Where we have one, it is the server's too, as without us, and so
	// are the Ctrl-C and Ctrl-Break that come through it.
	if cp, err := windows.GetConsoleCP(); err != nil || cp == 0 {
		cmd.SysProcAttr.CreationFlags = windows.CREATE_NO_WINDOW
	}
	job, err := ownJob()
	if err == nil {
		err = job.dieTogether(true)
	}
	if err != nil && c.Verbose {
		fmt.Fprintf(c.Stderr, "signet-wrap: the server may outlive us if we are killed: %v\n", err)
	}
	return cmd, nil
}

// lookUp finds a command as Go does: with PATHEXT, in PATH, and in the current
// folder only if it is named. The path is absolute, since cmd.exe takes what
// stands behind a slash for a switch.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return filepath.Abs(path)
	case !strings.ContainsAny(name, `:\/`):
		return "", err
	case exists(name):
		return "", errNoProgram
	}
	return "", fs.ErrNotExist
}

type group struct{ leader *os.Process }

func newGroup(leader *os.Process) group { return group{leader} }

// Finish lets live what the server started, if it ended by itself: it may be
// meant to. If we were told to end, that gets what is left of its time, and
// dies with us.
func (s *Server) Finish(e *Ending) {
	job, err := ownJob()
	if err != nil {
		return
	}
	at, asked := e.Deadline()
	if !asked {
		job.dieTogether(false)
		return
	}
	for !job.alone() && time.Now().Before(at) {
		time.Sleep(5 * time.Millisecond)
	}
}

// Signals are those of the console.
type Signals struct{ ch chan os.Signal }

// CatchSignals has us told of Ctrl-C and Ctrl-Break, and of the closing of the
// console, the user's logging off and the system's going down (SIGTERM, to
// Go). Clients do not send these: they end a server with TerminateProcess,
// which tells nobody, and the job sees to the rest.
func CatchSignals() *Signals {
	s := &Signals{ch: make(chan os.Signal, 16)}
	signal.Notify(s.ch, os.Interrupt, syscall.SIGTERM)
	return s
}

// Release lets the events go where they went before.
func (s *Signals) Release() { signal.Stop(s.ch) }

// RelayTo ends the server when we are told to end. It shares our console and
// has seen the event itself, so it has killAfter to follow; a second event
// ends it at once.
func (s *Signals) RelayTo(srv *Server, stop <-chan struct{}) *Ending {
	e := &Ending{}
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
					e.at.Store(time.Now().UnixNano())
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

// Exit is how the server ended. Call it after Done. The code is the server's
// 32 bits, also where they are an NTSTATUS: 0xC0000005 for a crash.
func (s *Server) Exit() Exit {
	ws := s.state.Sys().(syscall.WaitStatus)
	return Exit{Code: int(ws.ExitCode)}
}

// Mirror returns the exit status: Windows has no signals to end by.
func (e Exit) Mirror() int { return e.Code }

// Harden does nothing: Windows has no way to keep the user's other processes
// out of ours.
func Harden() {}
