//go:build unix

package main

import (
	"errors"
	"os/exec"
	"syscall"
)

// ownGroup makes cmd and all that it starts killable at once.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills what is left of cmd's group.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// isBroken tells whether the reader of a pipe is gone.
func isBroken(err error) bool { return errors.Is(err, syscall.EPIPE) }
