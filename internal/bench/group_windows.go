package main

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/windows"
)

// ownGroup does nothing: a wrapper's death takes its server along, and a server
// that has lost its client ends by itself.
func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }

// isBroken tells whether the other end of a pipe is gone.
func isBroken(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
