//go:build unix

package proc

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// guard is a small process that outlives this one if this one is killed, and then
// kills the server's processes. Clients often send SIGKILL, and through npx (npm,
// sh, node) nothing else reaches the real server.
//
// It is a shell that reads from a pipe which processes to kill: a process group as
// a negative number, or processes, which it kills with their descendants in the
// same group. The newest line counts. When the pipe is closed, because this process
// has ended in any way, it kills them. Without /bin/sh there is no guard, and on
// Linux only the server's first process ends with this one.
type guard struct {
	ready chan struct{} // closed when the other fields are set
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

// guardName is the name of the shell in lists of processes, which says what it
// belongs to.
const guardName = "signet-wrap-guard"

// startGuard starts the guard. It does not wait for it: until the guard runs, the
// server's first process ends with this one.
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
		// A group of its own, so that a signal to our group does not kill it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if cmd.Start() == nil {
			g.cmd = cmd
		}
	}()
	return g
}

// watch says which processes the guard kills if this process is killed from now on.
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

// pid is the guard's process id; 0 if there is none.
func (g *guard) pid() int {
	<-g.ready
	if g.cmd == nil {
		return 0
	}
	return g.cmd.Process.Pid
}

// dismiss ends the guard, which then kills nothing.
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
