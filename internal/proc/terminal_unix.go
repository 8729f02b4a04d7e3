//go:build unix

package proc

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// onTerminal calls f with our controlling terminal and returns its result. It is
// false if there is no terminal, or our process group is not in its foreground.
func onTerminal(f func(fd int) bool) bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	fd := int(tty.Fd())
	pgrp, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && pgrp == syscall.Getpgrp() && f(fd)
}

// foreground says whether we are in the foreground of a terminal.
func foreground() bool { return onTerminal(func(int) bool { return true }) }

// terminalSends says whether sig, which we got, came from our terminal, and so
// went to all in the foreground. Programs that read single keys have the
// terminal send no signals: there it came from somebody else.
func terminalSends(sig syscall.Signal) bool {
	switch {
	case sig == syscall.SIGWINCH:
		return foreground()
	case sig == syscall.SIGINT || sig == syscall.SIGQUIT || isStatusKey(sig):
		return onTerminal(func(fd int) bool {
			mode, err := unix.IoctlGetTermios(fd, getTermios)
			return err != nil || mode.Lflag&unix.ISIG != 0
		})
	}
	return false
}
