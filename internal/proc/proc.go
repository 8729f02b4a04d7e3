// Package proc is a server as a child process: its start, the signals that it
// gets, what ends with it, and how it ended. It knows no MCP.
//
// On Unix the server has a process group of its own, and a guard process kills
// the group if we are killed. On Windows both are in a Job Object that does so.
package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Command says what to start. Args must be set.
type Command struct {
	// Args are the server, a name looked up in PATH or a path, and its arguments.
	Args []string
	// Env is the server's environment, without our own secrets.
	Env []string
	// Stderr is the server's stderr.
	Stderr *os.File
	// Verbose says on Stderr if the server may outlive us.
	Verbose bool
}

// Server is the real server: a child process, and our ends of its stdin and
// stdout.
type Server struct {
	Stdin, Stdout *os.File

	group group
	done  chan struct{} // closed when it has ended and state is set
	state *os.ProcessState
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Exit is how a server ended, and so how we must end.
type Exit struct {
	Code   int
	Signal os.Signal // what killed the server; nil if it exited
}

// StartError is a server that could not be started.
type StartError struct {
	// Status is the exit status for it, as env(1) and shells have it: 127 not
	// found, 126 found but not executable, 125 our own failure.
	Status int
	Err    error
	Hint   string
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// secretEnv are the variables that are for us alone; all others go to the
// server, tokens too, because it needs them.
var secretEnv = []string{"SIGNET_PASSPHRASE"}

// Start starts the server. The error is a *StartError.
func Start(c Command) (*Server, error) {
	cmd, err := newCommand(c)
	if err != nil {
		return nil, startError(c, err)
	}
	cmd.Env = withoutSecrets(c.Env)
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
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, c.Stderr
	// Fd puts our ends into blocking mode, too. The client's end is in it, and
	// not ours to change, and a goroutine that waits in a read there and at the
	// poller for the server's pipe is at times left waiting, until the runtime's
	// watchdog looks: 10 to 15 ms for a message that does not fit into a pipe
	// (Go 1.26, Linux).
	ourIn.Fd()
	ourOut.Fd()

	s := &Server{Stdin: ourOut, Stdout: ourIn, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// On Linux the server is killed when the thread that started it ends
		// (golang/go#27505), so that thread is kept until the server is gone.
		runtime.LockOSThread()
		err := cmd.Start()
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
		return nil, startError(c, err)
	}
	s.group = newGroup(cmd.Process)
	return s, nil
}

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

// startError says in one line what was tried.
func startError(c Command, err error) *StartError {
	name := c.Args[0]
	var batch *batchError
	switch {
	case errors.As(err, &batch):
		return &StartError{126, fmt.Errorf("cannot start %q: %w", name, batch), "start the program that it is for, such as node with its script"}
	case errors.Is(err, exec.ErrDot):
		return &StartError{127, fmt.Errorf("cannot start %q: it is in the current folder, which is not searched", name), fmt.Sprintf("write .%c%s if it is meant", os.PathSeparator, name)}
	case errors.Is(err, exec.ErrNotFound):
		return &StartError{127, fmt.Errorf("cannot find the server command %q in PATH=%s", name, os.Getenv("PATH")),
			"clients start servers with a short PATH; give the command's full path"}
	case errors.Is(err, fs.ErrNotExist) && !exists(name):
		return &StartError{127, fmt.Errorf("cannot find the server command %q", name), "check the path in the client's configuration"}
	case errors.Is(err, fs.ErrNotExist):
		return &StartError{126, fmt.Errorf("cannot start %q: the interpreter that it names is missing", name), "check its first line"}
	case errors.Is(err, fs.ErrPermission):
		return &StartError{126, fmt.Errorf("cannot start %q: it is not executable", name), permissionHint(name)}
	case notExecutable(err):
		return &StartError{126, fmt.Errorf("cannot start %q: %w", name, err), "put its interpreter in front, such as node or python3"}
	}
	return &StartError{125, fmt.Errorf("cannot start %q: %w", name, err), ""}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// killAfter is how long a server may take to end when we were told to: the
// SDKs kill us 2 s after they asked.
const killAfter = 1500 * time.Millisecond

// Ending is what is known of an end that was asked for from outside.
type Ending struct {
	at atomic.Int64 // unix nanoseconds by when all must be gone; 0: nobody asked
}

// Deadline is by when all must be gone, if an end was asked for.
func (e *Ending) Deadline() (time.Time, bool) {
	at := e.at.Load()
	return time.Unix(0, at), at != 0
}
