// Package proc is a server as a child process: its start, the signals that it
// gets, what ends with it, and how it ended. It knows no MCP.
//
// The server is to notice nothing of us. What starts without us starts with us,
// with the same dispositions of signals. A signal to us is a signal to the
// server, and no timer of ours ends it. How it ended is how we end. Three things
// are ours:
//
//   - When the server has ended because it was asked to, what it left of its
//     process group gets SIGTERM, 10 s, and SIGKILL: npm ends at SIGTERM, and
//     the real server lives on.
//   - When we are killed, so are the server and the group: a guard process does
//     that, and on Windows a Job Object.
//   - On a terminal that is ours the server stays in our group, so that it may
//     read from the terminal; its descendants then take the group's place.
//
// What a reader of the code should know:
//
//	proc.go        Start, and the server
//	starterror.go  a server that could not be started, in one line
//	start_*.go     what is started, and how it is found
//	signals_*.go   which signals are the server's
//	group_*.go     what belongs to the server, and its end
//	guard_*.go     who ends that if we cannot; job_windows.go there
//	terminal_*.go  whether the terminal is ours
//	system_*.go    the process table, orphans, and what only Linux has
//	exit_*.go      the same end for us
//	batch.go       cmd.exe's quoting
//	pipe_*.go      the end of a pipe
package proc

import (
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Command says what to start. Args must be set.
type Command struct {
	// Args are the server, a name looked up in PATH or a path, and its arguments.
	Args []string
	// Env is the server's environment; our own secrets in it are left out.
	Env []string
	// Stderr is the server's stderr.
	Stderr *os.File
	// Say tells a person if something may outlive us. nil: nobody is told.
	Say func(format string, a ...any)
}

// Server is the real server: a child process, and our ends of its stdin and
// stdout.
type Server struct {
	Stdin  io.WriteCloser
	Stdout *os.File

	process   *os.Process
	done      chan struct{} // closed when it has ended and state is set
	state     *os.ProcessState
	group     group
	signals   chan os.Signal
	stop      chan struct{} // closed when signals are no longer ours
	signalled signalled
	writes    atomic.Int64 // to Stdin

	hurry     chan struct{} // closed when there is no time left for its end
	hurryOnce sync.Once
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Hurry is closed when nobody must wait any longer for what the server left.
func (s *Server) Hurry() <-chan struct{} { return s.hurry }

func (s *Server) hurryUp() { s.hurryOnce.Do(func() { close(s.hurry) }) }

// Exit is how a server ended, and so how we must end.
type Exit struct {
	Code   int
	Signal os.Signal // what killed the server; nil if it exited
}

// secretEnv are the variables that are for us alone; all others go to the
// server, tokens too, because it needs them.
var secretEnv = []string{"SIGNET_PASSPHRASE"}

// Start starts the server, and passes on to it the signals that this process
// gets from now on. The server cannot read our memory (Linux). The error is a
// *StartError. Call End and Close when the server is done.
func Start(c Command) (*Server, error) {
	harden()
	s := &Server{done: make(chan struct{}), hurry: make(chan struct{}), stop: make(chan struct{}), signals: make(chan os.Signal, 64)}
	cmd, err := s.newCommand(c)
	if err != nil {
		return nil, startError(c, err)
	}
	// Pipes of our own: with StdoutPipe, Wait closes the pipe while output is
	// still in it.
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, startError(c, err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, startError(c, err)
	}
	cmd.Env = withoutSecrets(c.Env)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, c.Stderr
	// Fd puts our ends into blocking mode, too. The client's end is in it, and
	// not ours to change, and a goroutine that waits in a read there and at the
	// poller for the server's pipe is at times left waiting, until the runtime's
	// watchdog looks: 10 to 15 ms for a message that does not fit into a pipe
	// (Go 1.26, Linux).
	ourIn.Fd()
	ourOut.Fd()
	s.Stdin, s.Stdout = &input{ourOut, &s.writes}, ourIn

	s.catch()
	started := make(chan error)
	go func() {
		// On Linux the server is killed when the thread that started it ends
		// (golang/go#27505), so that thread is kept until the server is gone.
		runtime.LockOSThread()
		err := cmd.Start()
		if script := asScript(cmd, err); script != nil {
			cmd = script
			err = cmd.Start()
		}
		s.process = cmd.Process
		started <- err
		if err == nil {
			cmd.Wait() // its error is in the state
			s.state = cmd.ProcessState
			close(s.done)
		}
	}()
	err = <-started
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		ourIn.Close()
		ourOut.Close()
		s.release()
		return nil, startError(c, err)
	}
	s.group.begin(s.process)
	s.relay()
	return s, nil
}

// input is the server's stdin. It counts what is written.
type input struct {
	file   *os.File
	writes *atomic.Int64
}

func (i *input) Write(p []byte) (int, error) {
	i.writes.Add(1)
	return i.file.Write(p)
}

func (i *input) Close() error { return i.file.Close() }

func withoutSecrets(env []string) []string {
	out := make([]string, 0, len(env))
next:
	for _, e := range env {
		for _, secret := range secretEnv {
			if name, _, _ := strings.Cut(e, "="); sameEnv(name, secret) {
				continue next
			}
		}
		out = append(out, e)
	}
	return out
}
