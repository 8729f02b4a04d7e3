package proc

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxSignal is the largest number of a signal.
const maxSignal = syscall.Signal(64)

const getTermios = unix.TCGETS

// isStatusKey is for BSD's Ctrl-T.
func isStatusKey(syscall.Signal) bool { return false }

// dieWithParent has the kernel kill the server when we die: a belt to the
// guard's braces, and it reaches the first process only.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// harden keeps the server, which runs as the same user, from reading our
// environment and memory in /proc: the key is there.
func harden() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// adoptOrphans makes those descendants our children whose parent has ended, so
// that all that belongs to the server is found below us.
func adoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// process is a line of the process table.
type process struct {
	pid, parent, group, session int
	dead                        bool // but nobody has waited for it
}

// processes reads the process table.
func processes() []process {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// proc(5), stat: pid (comm) state ppid pgrp session, and comm may hold
		// anything.
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		p := process{pid: pid}
		var state string
		if _, err := fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &p.parent, &p.group, &p.session); err == nil {
			p.dead = state == "Z" || state == "X"
			all = append(all, p)
		}
	}
	return all
}

// allDead says whether no process of the group pgid lives.
func allDead(pgid int) bool {
	all := processes()
	for _, p := range all {
		if p.group == pgid && !p.dead {
			return false
		}
	}
	return len(all) > 0
}

// descendants are the processes below us in the group pgid that live.
func descendants(pgid int) []int {
	all := processes()
	parents := make(map[int]int, len(all))
	for _, p := range all {
		parents[p.pid] = p.parent
	}
	var below []int
	for _, p := range all {
		if p.group != pgid || p.dead || p.pid == os.Getpid() {
			continue
		}
		for at, steps := p.parent, 0; at > 0 && steps < len(all); at, steps = parents[at], steps+1 {
			if at == os.Getpid() {
				below = append(below, p.pid)
				break
			}
		}
	}
	return below
}

// treeScript defines tree PID for sh: it kills the process and its descendants
// that are in the group $group. Each is stopped first, so that it starts no
// more of them meanwhile.
const treeScript = `group=$1
tree() {
	read -r stat <"/proc/$1/stat" || return
	set -- "$1" ${stat##*) }
	[ "$4" = "$group" ] && kill -s STOP "$1"
	for task in /proc/"$1"/task/*/children; do
		read -r children <"$task"
		for child in $children; do tree "$child"; done
	done
	[ "$4" = "$group" ] && kill -s KILL "$1"
}`

// strayAfter is how long a dead child waits that Go may be about to wait for.
const strayAfter = 2 * time.Second

// reapOrphans waits for the dead whose parents have ended, if they become our
// children: as a container's first process or, if adopted is true, since
// adoptOrphans. Those for which own is true, and other children that we started
// ourselves, are left to who started them.
func reapOrphans(adopted bool, own func(pid int) bool) {
	if !adopted && os.Getpid() != 1 {
		return
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	go func() {
		session, _ := unix.Getsid(0)
		seen := map[int]time.Time{} // dead since then, and perhaps Go's to wait for
		for {
			var later <-chan time.Time
			if len(seen) > 0 {
				later = time.After(strayAfter)
			}
			select {
			case <-died:
			case <-later:
			}
			before := seen
			seen = map[int]time.Time{}
			for _, p := range processes() {
				if p.parent != os.Getpid() || !p.dead || own(p.pid) {
					continue
				}
				// What else this program starts leads a group in our session,
				// and is waited for at once by who started it.
				since, known := before[p.pid]
				if !known {
					since = time.Now()
				}
				if p.group == p.pid && p.session == session && time.Since(since) < strayAfter {
					seen[p.pid] = since
					continue
				}
				syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
			}
		}
	}()
}

// ignored says whether sig, which nobody has caught, is ignored.
func ignored(sig syscall.Signal) bool { return ignoredBy("self")&bit(sig) != 0 }

// ignoredAtStart are the signals that were ignored when this process started,
// as far as that can be known: Go's runtime catches all but HUP and INT, which
// forgets what they were. What our parent ignores we inherited, unless it is
// one that changes that for what it starts, as interactive shells do: that
// shows in those signals that Go leaves alone.
func ignoredAtStart() []syscall.Signal {
	parents := ignoredBy(strconv.Itoa(os.Getppid()))
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if parents&bit(sig) != 0 && !ignored(sig) {
			parents = 0
		}
	}
	// "client &" in a script ignores these two (POSIX, Shell Command Language,
	// 2.11).
	if signal.Ignored(syscall.SIGINT) && parents&bit(syscall.SIGINT) == 0 {
		parents |= bit(syscall.SIGQUIT)
	}
	var all []syscall.Signal
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		// Many ignore XFSZ for themselves only.
		if parents&bit(sig) != 0 && passedOn(sig) && sig != syscall.SIGXFSZ {
			all = append(all, sig)
		}
	}
	return all
}

func bit(sig syscall.Signal) uint64 { return 1 << (sig - 1) }

// ignoredBy is the SigIgn of a process, proc(5); 0 if it cannot be had.
func ignoredBy(pid string) uint64 {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	_, rest, _ := bytes.Cut(status, []byte("\nSigIgn:"))
	hex, _, _ := bytes.Cut(rest, []byte("\n"))
	mask, _ := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
	return mask
}
