// Package proc runs a server as a child process: its start, the signals that it
// gets, the processes that end with it, and how it ended. It knows no MCP.
//
// The server should not notice this process. Whatever starts without it starts with
// it, with the same dispositions of signals. A signal to this process goes to the
// server, and no timer ends the server. This process ends as the server ended. It
// adds three things:
//
//   - When the server has ended because it was asked to, the rest of its process
//     group gets SIGTERM, 10 s, and SIGKILL: npm ends at SIGTERM, and the real
//     server lives on.
//   - When this process is killed, the server and the group are killed too: by a
//     guard process, on Windows by a Job Object.
//   - On a terminal that is ours the server stays in our group, so that it can read
//     from the terminal; its descendants then take the place of the group.
//
// # Files
//
//	proc.go         Start, and the server
//	starterror.go   a server that could not be started, in one line
//	start_*.go      what is started, and how it is found
//	signals_*.go    which signals go to the server
//	group_*.go      the server's processes, and their end
//	guard_*.go      the guard that ends them if this process cannot
//	job_windows.go  the same on Windows
//	terminal_*.go   whether the terminal is ours
//	system_*.go     the process table, orphans, and what only Linux has
//	exit_*.go       ending as the server ended
//	batch.go        quoting for cmd.exe
//	pipe_*.go       the end of a pipe
//	apart*.go       programs that are independent of the session
package proc

import (
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// A Command says what to start. Args must be set.
type Command struct {
	// Args is the server, a name looked up in PATH or a path, and its arguments.
	Args []string
	// Env is the server's environment. Start removes our own secrets from it.
	Env []string
	// Stderr is the server's stderr.
	Stderr *os.File
	// Own says that this process is there for the server alone: the signals that it
	// gets are the server's, its memory is closed to the server and others (Linux),
	// and it waits for the server's orphans. Without it, nothing of the process changes.
	Own bool
	// Say gets a message for the user if some process may outlive us. nil: it is
	// dropped.
	Say func(format string, a ...any)
}

// A Server is the running server: a child process, and our ends of its stdin and
// stdout.
type Server struct {
	Stdin  io.WriteCloser
	Stdout *os.File

	process   *os.Process
	done      chan struct{} // closed when it has ended and state is set
	state     *os.ProcessState
	group     group
	signals   chan os.Signal
	stop      chan struct{} // closed when signals are no longer passed on
	signalled signalled
	writes    atomic.Int64 // number of writes to Stdin

	hurry     chan struct{} // closed when nothing may wait any longer
	hurryOnce sync.Once
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Hurry returns a channel that is closed when nothing may wait any longer for the
// server's remaining processes.
func (s *Server) Hurry() <-chan struct{} { return s.hurry }

func (s *Server) hurryUp() { s.hurryOnce.Do(func() { close(s.hurry) }) }

// Exit says how a server ended, and so how this process must end.
type Exit struct {
	Code   int
	Signal os.Signal // the signal that killed the server; nil if it exited
}

// secretEnv are the variables that the server does not get. It gets all others,
// tokens too, because it needs them.
var secretEnv = []string{"SIGNET_PASSPHRASE"}

// Start starts the server. With Own it passes on to it the signals that this process
// gets from now on, and the server cannot read the memory of this process (Linux). The
// error is a *StartError. Call End and Close when the server has ended.
func Start(c Command) (*Server, error) {
	if c.Own {
		harden()
	}
	s := &Server{done: make(chan struct{}), hurry: make(chan struct{}), stop: make(chan struct{}), signals: make(chan os.Signal, 64)}
	cmd, err := s.newCommand(c)
	if err != nil {
		return nil, startError(c, err)
	}
	// Not StdoutPipe: Wait would close the pipe while output is still in it.
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
	// Fd also puts our ends into blocking mode. The client's end is in it, and not
	// ours to change. A goroutine that waits in a read there, and at the poller for
	// the server's pipe, sometimes waits until the runtime's watchdog looks: 10 to
	// 15 ms for a message that does not fit into a pipe (Go 1.26, Linux).
	ourIn.Fd()
	ourOut.Fd()
	s.Stdin, s.Stdout = &input{ourOut, &s.writes}, ourIn

	if c.Own {
		s.catch()
	}
	started := make(chan error)
	go func() {
		// On Linux the server is killed when the thread that started it ends
		// (golang/go#27505), so that thread is kept until the server has ended.
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
	if c.Own {
		s.relay()
	}
	return s, nil
}

// input is the server's stdin. It counts the writes.
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

// Harden keeps other processes of the same user from reading this one's environment
// and memory, where the key is, as far as the system allows it. Start does it, too.
func Harden() { harden() }
