//go:build unix && !linux

package proc

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSignal is the largest signal number.
const maxSignal = syscall.Signal(31)

const getTermios = unix.TIOCGETA

// isStatusKey says whether sig is what the terminal sends for Ctrl-T.
func isStatusKey(sig syscall.Signal) bool { return sig == unix.SIGINFO }

func dieWithParent(*syscall.SysProcAttr) {}

// harden does nothing: no way is known to keep the user's other processes from
// reading our memory.
func harden() {}

// adoptOrphans does nothing: orphans belong to launchd or init.
func adoptOrphans() {}

// allDead does nothing: launchd and the BSDs' init wait for every orphan.
func allDead(int) bool { return false }

// descendants does nothing: processes of a server that has ended are not below us.
func descendants(int) []int { return nil }

func reapOrphans(bool, func(int) bool) {}

// treeScript defines tree PID for sh. It kills the process and its descendants in
// the group $group. It stops each one first, so that it starts no more processes
// meanwhile.
const treeScript = `group=$1
tree() {
	set -- "$1" "$(ps -o pgid= -p "$1")"
	[ "$(($2))" = "$group" ] && kill -s STOP "$1"
	for child in $(ps -A -o pid= -o ppid= | while read -r pid parent; do
		[ "$parent" = "$1" ] && echo "$pid"
	done); do tree "$child"; done
	[ "$(($2))" = "$group" ] && kill -s KILL "$1"
}`

// ignored says whether sig, which is not caught, is ignored, if Go knows.
func ignored(sig syscall.Signal) bool { return signal.Ignored(sig) }

// ignoredAtStart are signals that were ignored when this process started, and that
// Go's runtime has caught, which forgets that. "client &" in a script ignores INT,
// which Go does not catch, and QUIT (POSIX, Shell Command Language, 2.11).
func ignoredAtStart() []syscall.Signal {
	if signal.Ignored(syscall.SIGINT) {
		return []syscall.Signal{syscall.SIGQUIT}
	}
	return nil
}
