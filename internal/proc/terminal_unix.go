//go:build unix

package proc

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// onTerminal calls f with our controlling terminal, if there is one and our
// process group is in its foreground, and gives what f gives.
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

// foreground says whether the terminal is ours.
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
