//go:build unix

package proc

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// group is what belongs to the server: its process group, or in a shared group
// its descendants there.
type group struct {
	shared bool // it is our own group, which has a terminal
	id     int  // kept from the start: after reaping, the number may be another's
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
	reapOrphans(g.shared, func(pid int) bool { return pid == leader.Pid || pid == g.guard.pid() })
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

// gone says whether no process of the group is left. Those that have died and
// are not waited for by anybody, as in a container without an init, do not
// count.
func (g *group) gone() bool {
	if g.shared {
		left := descendants(g.id)
		g.guard.watch(left...)
		return len(left) == 0
	}
	return errors.Is(g.signal(0), syscall.ESRCH) || allDead(g.id)
}

// leaveAfter is how long what a server left behind has to end, when the server
// has ended because it was asked to. It is the only timer of ours that ends
// anything.
const leaveAfter = 10 * time.Second

// killed is how long a killed process may take to be gone.
const killed = time.Second

// End ends what the server, which is done, left behind, if it was asked to end.
// A server that ended by itself may have left children on purpose. The channel
// is closed when nothing is left.
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

// goneWithin waits until nothing of the group is left, and says whether that
// was before the time was over and before hurry was closed.
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

// Close comes when the end is over. Signals go where they went before.
func (s *Server) Close() {
	s.group.guard.dismiss()
	s.release()
}
