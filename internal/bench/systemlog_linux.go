package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	journald      = "/lib/systemd/systemd-journald"
	journalSocket = "/run/systemd/journal/socket"
	inNamespace   = "SIGNET_WRAP_BENCH_RUN" // set where /run is ours
)

// ownSystemLog gives this program a /run of its own if the machine has no journald:
// then one can be started that nobody else sees. It takes root; without, heads go
// nowhere.
func ownSystemLog() {
	if _, err := os.Stat(journalSocket); err == nil || os.Getuid() != 0 || os.Getenv(inNamespace) != "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	runtime.LockOSThread() // the namespace is this thread's until it executes
	if unix.Unshare(unix.CLONE_NEWNS) != nil {
		return
	}
	// From here on this thread is of no use for anything else.
	err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
	}
	if err == nil {
		err = unix.Exec(self, os.Args, append(os.Environ(), inNamespace+"=1"))
	}
	fmt.Fprintln(os.Stderr, "bench: a journald of its own:", err)
	os.Exit(1)
}

// systemLog says who takes heads, and starts it if /run is ours: journald, or, where
// there is none, something that reads what would go to it.
func (b *bench) systemLog() (string, error) {
	if os.Getenv(inNamespace) == "" {
		if _, err := os.Stat(journalSocket); err != nil {
			return "none: heads go nowhere", nil
		}
		return "the machine's journald", nil
	}
	if err := os.MkdirAll(filepath.Dir(journalSocket), 0o755); err != nil {
		return "", err
	}
	if _, err := os.Stat(journald); err != nil {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSocket, Net: "unixgram"})
		if err != nil {
			return "", err
		}
		go func() {
			for buf := make([]byte, 64<<10); ; {
				if _, err := l.Read(buf); err != nil {
					return
				}
			}
		}()
		return "a socket that is read, and no journald", nil
	}
	cmd := exec.Command(journald)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ready := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig is of the thread
		if err := cmd.Start(); err != nil {
			ready <- err
			return
		}
		ready <- nil
		cmd.Wait()
	}()
	if err := <-ready; err != nil {
		return "", err
	}
	b.ending = append(b.ending, func() { cmd.Process.Kill() })
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unixgram", journalSocket); err == nil {
			c.Close()
			return "a journald of its own", nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("%s takes no messages", journald)
		}
	}
}
