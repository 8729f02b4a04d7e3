//go:build unix

package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	fakes["name-signals"] = fakeNameSignals // says which signals are ignored, then each that it gets
	fakes["save"] = fakeSave                // TIME: responds, and takes that long to end when told to
	fakes["launch"] = fakeLaunch            // NAME ARG...: starts another fake as npm does, and ends without it
	fakes["stop-model"] = fakeStopModel     // responds, and takes INT for no reason to end
	fakes["stay"] = fakeStay                // TEXT: says it and stays, whatever comes
}

// fakeNameSignals lives until its input ends, whatever signal it gets.
func fakeNameSignals([]string) int {
	var ignored []os.Signal
	all := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}
	ch := make(chan os.Signal, 16)
	for _, s := range all {
		if signal.Ignored(s) {
			ignored = append(ignored, s)
		} else {
			signal.Notify(ch, s)
		}
	}
	fmt.Println("ignored:", ignored)
	go func() {
		for s := range ch {
			fmt.Println(s)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func fakeSave(args []string) int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go fakeReply(nil)
	<-told
	takes, err := time.ParseDuration(args[0])
	if err != nil {
		return 2
	}
	time.Sleep(takes)
	return 0
}

func fakeLaunch(args []string) int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	cmd := exec.Command(self, append([]string{"fake"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

func fakeStopModel([]string) int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	fakeReply(nil)
	time.Sleep(time.Hour) // nor the end of its input
	return 0
}

func fakeStay(args []string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	io.WriteString(os.Stdout, args[0])
	time.Sleep(time.Hour)
	return 0
}
