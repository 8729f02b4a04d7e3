//go:build unix

package proc

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// group is the server's processes: its process group or, in a shared group, its
// descendants there.
type group struct {
	shared bool // it is our own group, on a terminal
	own    bool // Command.Own
	id     int  // set at the start: after reaping, another process may have the number
	guard  *guard
}

func (g *group) begin(leader *os.Process) {
	g.id = leader.Pid
	if g.shared {
		g.id = syscall.Getpgrp()
	}
	g.guard = startGuard()
	if g.shared {
		g.guard.watch(leader.Pid)
	} else {
		g.guard.watch(-leader.Pid)
	}
	if g.own {
		reapOrphans(g.shared, func(pid int) bool { return pid == leader.Pid || pid == g.guard.pid() })
	}
}

// signal sends sig to all in the group.
func (g *group) signal(sig syscall.Signal) error {
	if !g.shared {
		return syscall.Kill(-g.id, sig)
	}
	for _, pid := range descendants(g.id) {
		syscall.Kill(pid, sig)
	}
	return nil
}

// gone says whether no process of the group is left. Zombies that no process waits
// for, as in a container without an init, do not count.
func (g *group) gone() bool {
	if g.shared {
		left := descendants(g.id)
		g.guard.watch(left...)
		return len(left) == 0
	}
	return errors.Is(g.signal(0), syscall.ESRCH) || allDead(g.id)
}

// leaveAfter is how long the remaining processes have to end after the server ended
// because it was asked to. It is our only timer that ends anything.
const leaveAfter = 10 * time.Second

// killed is how long a killed process may take to end.
const killed = time.Second

// End ends the processes that the server, which has ended, left running, if the
// server was asked to end. A server that ended without being asked may have left
// children on purpose. The channel is closed when no process is left.
func (s *Server) End() <-chan struct{} {
	left := make(chan struct{})
	if !s.Asked() {
		s.group.guard.watch()
		close(left)
		return left
	}
	go func() {
		defer close(left)
		s.group.signal(syscall.SIGTERM)
		if !s.group.goneWithin(leaveAfter, s.hurry) {
			s.group.signal(syscall.SIGKILL)
			s.group.goneWithin(killed, nil)
		}
	}()
	return left
}

// goneWithin waits until no process of the group is left. It is false if the time
// passed, or hurry was closed, before.
func (g *group) goneWithin(most time.Duration, hurry <-chan struct{}) bool {
	late := time.After(most)
	for pause := 2 * time.Millisecond; !g.gone(); pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-hurry:
			return false
		case <-late:
			return false
		case <-time.After(pause):
		}
	}
	return true
}

// Close is called after End. It restores what signals did before.
func (s *Server) Close() {
	s.group.guard.dismiss()
	s.release()
}
