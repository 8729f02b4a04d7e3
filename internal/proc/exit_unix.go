//go:build unix

package proc

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit says how the server ended. Call it after Done.
func (s *Server) Exit() Exit {
	if ws, ok := s.state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Exit{Code: 128 + int(ws.Signal()), Signal: ws.Signal()}
	}
	return Exit{Code: s.state.ExitCode()}
}

// Mirror ends this process by the signal that ended the server. If none did, it
// returns the exit status. A container's first process cannot end by its own
// signal.
func (e Exit) Mirror() int {
	sig, ok := e.Signal.(syscall.Signal)
	if !ok || os.Getpid() == 1 {
		return e.Code
	}
	// The server crashed, not this process: write no core file.
	syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	switch sig {
	case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		signal.Reset(sig)
		syscall.Kill(os.Getpid(), sig)
		time.Sleep(time.Second) // until the signal arrives
	default:
		// For other signals the Go runtime prints a stack. So a shell replaces this
		// process and ends by the signal.
		syscall.Exec(shell, []string{"sh", "-c", "kill -s " + signalName(sig) + " $$"}, os.Environ())
	}
	return e.Code
}

// signalName is the name that kill(1) knows a signal by: "SEGV".
func signalName(s syscall.Signal) string {
	if name := strings.TrimPrefix(unix.SignalName(s), "SIG"); name != "" {
		return name
	}
	return strconv.Itoa(int(s))
}
