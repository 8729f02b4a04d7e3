//go:build unix

package wrap

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
// /bin/sh there is no guard, and only the server's first process dies with us.
type guard struct {
	cmd  *exec.Cmd
	pipe *os.File
}

const guardScript = `read -r line || kill -s KILL -- "-$1"`

// startGuard watches over the process group pgid. nil: there is no guard.
func startGuard(pgid int) *guard {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil
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
		return nil
	}
	return &guard{cmd, ours}
}

// dismiss ends the guard without harm to the group.
func (g *guard) dismiss() {
	if g == nil {
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
