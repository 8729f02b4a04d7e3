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

// maxSignal is the largest signal number.
const maxSignal = syscall.Signal(64)

const getTermios = unix.TCGETS

// isStatusKey is for Ctrl-T on the BSDs.
func isStatusKey(syscall.Signal) bool { return false }

// dieWithParent makes the kernel kill the server when this process ends, in case
// the guard does not. It reaches only the first process.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// harden keeps the server, which runs as the same user, from reading our
// environment and memory in /proc, where the key is.
func harden() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// adoptOrphans makes descendants whose parent has ended our children, so that all
// the server's processes are found below us.
func adoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// process is a line of the process table.
type process struct {
	pid, parent, group, session int
	dead                        bool // a zombie
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
		// proc(5), stat: pid (comm) state ppid pgrp session. comm may contain
		// anything.
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended meanwhile
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

// allDead says whether no process of the group pgid is alive.
func allDead(pgid int) bool {
	all := processes()
	for _, p := range all {
		if p.group == pgid && !p.dead {
			return false
		}
	}
	return len(all) > 0
}

// descendants are the living processes below us in the group pgid.
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

// treeScript defines tree PID for sh. It kills the process and its descendants in
// the group $group. It stops each one first, so that it starts no more processes
// meanwhile.
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

// strayAfter is how long a zombie is left to Go, which may be about to wait for it.
const strayAfter = 2 * time.Second

// reapOrphans waits for zombies whose parents have ended, if they become our
// children: in a container's first process or, if adopted is true, since
// adoptOrphans. Those for which own is true, and other children that this program
// started itself, are left to the code that started them.
func reapOrphans(adopted bool, own func(pid int) bool) {
	if !adopted && os.Getpid() != 1 {
		return
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	go func() {
		session, _ := unix.Getsid(0)
		seen := map[int]time.Time{} // zombies since then; Go may still wait for them
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
				// Other programs that we start lead a group in our session, and the
				// code that started them waits for them at once.
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

// ignored says whether sig, which is not caught, is ignored.
func ignored(sig syscall.Signal) bool { return ignoredBy("self")&bit(sig) != 0 }

// ignoredAtStart are the signals that were ignored when this process started, as
// far as is known: Go's runtime catches all but HUP and INT, and forgets that. We
// inherited what our parent ignores, unless the parent changes that for its
// children, as interactive shells do. That shows in the signals that Go does not
// catch.
func ignoredAtStart() []syscall.Signal {
	parents := ignoredBy(strconv.Itoa(os.Getppid()))
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if parents&bit(sig) != 0 && !ignored(sig) {
			parents = 0
		}
	}
	// "client &" in a script ignores these two signals (POSIX, Shell Command
	// Language, 2.11).
	if signal.Ignored(syscall.SIGINT) && parents&bit(syscall.SIGINT) == 0 {
		parents |= bit(syscall.SIGQUIT)
	}
	var all []syscall.Signal
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		// Many programs ignore XFSZ only for themselves.
		if parents&bit(sig) != 0 && passedOn(sig) && sig != syscall.SIGXFSZ {
			all = append(all, sig)
		}
	}
	return all
}

func bit(sig syscall.Signal) uint64 { return 1 << (sig - 1) }

// ignoredBy is the SigIgn of a process, proc(5); 0 if it is not known.
func ignoredBy(pid string) uint64 {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	_, rest, _ := bytes.Cut(status, []byte("\nSigIgn:"))
	hex, _, _ := bytes.Cut(rest, []byte("\n"))
	mask, _ := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
	return mask
}
