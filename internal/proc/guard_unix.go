//go:build unix

package proc

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// guard is a small process that outlives us if we are killed, and then kills
// what belongs to the server: clients send SIGKILL as a matter of course, and
// through npx (npm, sh, node) nothing else reaches the real server.
//
// It is a shell that reads from a pipe whom it would kill: a process group as a
// negative number, or processes, which it kills with their descendants in the
// same group. The newest line counts, and when the pipe is closed, by our end
// in whatever way, it does that. Where there is no /bin/sh there is no guard,
// and on Linux only the server's first process dies with us.
type guard struct {
	ready chan struct{} // closed when the rest is set
	cmd   *exec.Cmd     // nil: there is no guard

	mu     sync.Mutex
	pipe   *os.File // nil: there is none
	wanted string   // the newest line
}

const guardScript = treeScript + `
while read -r line; do who=$line; done
for pid in $who; do
	case $pid in
	-*) kill -s KILL -- "$pid" ;;
	*) tree "$pid" ;;
	esac
done`

// guardName is what the shell is called, so that who finds it in a list of
// processes knows whose it is.
const guardName = "signet-wrap-guard"

// startGuard starts the guard. It does not wait for that: until the guard is
// there, the server's first process dies with us.
func startGuard() *guard {
	g := &guard{ready: make(chan struct{})}
	theirs, ours, err := os.Pipe()
	if err != nil {
		close(g.ready)
		return g
	}
	g.pipe = ours
	go func() {
		defer close(g.ready)
		defer theirs.Close()
		cmd := exec.Command(shell, "-c", guardScript, guardName, strconv.Itoa(syscall.Getpgrp()))
		cmd.Stdin = theirs
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=/bin:/usr/bin"}
		// A group of its own: whoever kills our group must not kill it too.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if cmd.Start() == nil {
			g.cmd = cmd
		}
	}()
	return g
}

// watch says whom the guard kills if we are killed from now on.
func (g *guard) watch(who ...int) {
	line := ""
	for _, pid := range who {
		line += strconv.Itoa(pid) + " "
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pipe != nil && line != g.wanted {
		g.wanted = line
		g.pipe.WriteString(line + "\n")
	}
}

// pid is the guard's, 0 if there is none.
func (g *guard) pid() int {
	<-g.ready
	if g.cmd == nil {
		return 0
	}
	return g.cmd.Process.Pid
}

// dismiss ends the guard without harm to anybody.
func (g *guard) dismiss() {
	g.watch()
	g.mu.Lock()
	if g.pipe != nil {
		g.pipe.Close()
		g.pipe = nil
	}
	g.mu.Unlock()
	if <-g.ready; g.cmd != nil {
		g.cmd.Wait()
	}
}
