//go:build unix

package integration

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	fakes["name-signals"] = fakeNameSignals // says which signals are ignored, then each that it gets
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

func fakeStay(args []string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	io.WriteString(os.Stdout, args[0])
	time.Sleep(time.Hour)
	return 0
}
