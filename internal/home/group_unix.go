//go:build !windows

package home

import (
	"os/exec"
	"syscall"
)

// setGroup gives cmd a process group of its own, for killGroup.
func setGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills cmd, which has not been waited for, and all that it started.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
