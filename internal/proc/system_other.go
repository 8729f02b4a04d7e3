//go:build unix && !linux

package proc

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSignal is the largest number of a signal.
const maxSignal = syscall.Signal(31)

const getTermios = unix.TIOCGETA

// isStatusKey says whether sig is what the terminal sends for Ctrl-T.
func isStatusKey(sig syscall.Signal) bool { return sig == unix.SIGINFO }

func dieWithParent(*syscall.SysProcAttr) {}

// harden does nothing: there is no way known to keep the user's other
// processes out of ours.
func harden() {}

// adoptOrphans does nothing: orphans belong to launchd or init.
func adoptOrphans() {}

// allDead does not look: launchd and the BSDs' init wait for every orphan.
func allDead(int) bool { return false }

// descendants does not look: those of a server that has ended are not below us.
func descendants(int) []int { return nil }

func reapOrphans(bool, func(int) bool) {}

// treeScript defines tree PID for sh: it kills the process and its descendants
// that are in the group $group. Each is stopped first, so that it starts no
// more of them meanwhile.
const treeScript = `group=$1
tree() {
	set -- "$1" "$(ps -o pgid= -p "$1")"
	[ "$(($2))" = "$group" ] && kill -s STOP "$1"
	for child in $(ps -A -o pid= -o ppid= | while read -r pid parent; do
		[ "$parent" = "$1" ] && echo "$pid"
	done); do tree "$child"; done
	[ "$(($2))" = "$group" ] && kill -s KILL "$1"
}`

// ignored says whether sig, which nobody has caught, is ignored, if Go knows.
func ignored(sig syscall.Signal) bool { return signal.Ignored(sig) }

// ignoredAtStart are signals that were ignored when this process started, and
// that Go's runtime caught, which forgets that. "client &" in a script ignores
// INT, which it leaves alone, and QUIT (POSIX, Shell Command Language, 2.11).
func ignoredAtStart() []syscall.Signal {
	if signal.Ignored(syscall.SIGINT) {
		return []syscall.Signal{syscall.SIGQUIT}
	}
	return nil
}
