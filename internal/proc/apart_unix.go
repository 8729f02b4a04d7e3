//go:build unix

package proc

import (
	"os/exec"
	"syscall"
)

const rootDir = "/"

func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// systemEnv is the environment that every program needs.
func systemEnv([]string) []string { return []string{} }
