//go:build unix

package proc

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// guard is a small process that outlives us if we are killed, and then kills
// the server's group: clients send SIGKILL as a matter of course, and through
// npx (npm, sh, node) nothing else reaches the real server.
//
// It is a shell that waits on a pipe. When we end in good order we write a
// line; when we are killed, the pipe closes without one. Where there is no
// /bin/sh there is no guard, and on Linux only the server's first process dies
// with us.
type guard struct {
	ready chan struct{} // closed when the rest is set
	cmd   *exec.Cmd     // nil: there is no guard
	pipe  *os.File
}

const guardScript = `read -r line || kill -s KILL -- "-$1"`

// startGuard has the process group pgid watched. It does not wait for that:
// until the guard is there, the first process of the group dies with us.
func startGuard(pgid int) *guard {
	g := &guard{ready: make(chan struct{})}
	go func() {
		defer close(g.ready)
		theirs, ours, err := os.Pipe()
		if err != nil {
			return
		}
		defer theirs.Close()
		cmd := exec.Command("/bin/sh", "-c", guardScript, "sh", strconv.Itoa(pgid))
		cmd.Stdin = theirs
		cmd.Dir = "/"
		cmd.Env = []string{}
		// A group of its own: whoever kills our group must not kill it too.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			ours.Close()
			return
		}
		g.cmd, g.pipe = cmd, ours
	}()
	return g
}

// dismiss ends the guard without harm to the group.
func (g *guard) dismiss() {
	<-g.ready
	if g.cmd == nil {
		return
	}
	g.pipe.WriteString("done\n")
	g.pipe.Close()
	g.cmd.Wait()
}

// signalName is the name that kill(1) knows a signal by: "SEGV".
func signalName(s syscall.Signal) string {
	if name := strings.TrimPrefix(unix.SignalName(s), "SIG"); name != "" {
		return name
	}
	return strconv.Itoa(int(s))
}
