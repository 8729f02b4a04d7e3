package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Fakes that know signals. The names exist on Windows too; what they do there
// is what os.Process.Signal does.

var signals = map[string]syscall.Signal{
	"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP,
	"QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV,
}

func fakeIgnoreTerm([]string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fakeReply(nil)
	time.Sleep(time.Hour)
	return 0
}

func fakeDie(args []string) int {
	io.WriteString(os.Stdout, strings.Join(args[1:], " "))
	sig, ok := signals[args[0]]
	if !ok {
		return 2
	}
	signal.Reset(sig)
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Signal(sig)
	}
	time.Sleep(10 * time.Second)
	return 3 // the signal did not do it
}

func fakeGrandchild([]string) int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	cmd := exec.Command(self, "fake", "hold", "3600")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fakeReply(nil)
}
