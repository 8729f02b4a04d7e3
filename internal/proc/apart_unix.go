//go:build unix

package proc

import (
	"os/exec"
	"syscall"
)

const rootDir = "/"

func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// systemEnv is what no program can do without.
func systemEnv([]string) []string { return []string{} }
