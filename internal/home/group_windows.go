package home

import (
	"os/exec"
	"syscall"
)

// createNoWindow is CREATE_NO_WINDOW: a client without a console would see one
// open.
const createNoWindow = 0x08000000

func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: createNoWindow}
}

// killGroup kills cmd. What it started lives on: its output is no longer read.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
