//go:build unix

package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// peakOf is what a command that has ended held at most, in MB; -1 if that is not
// known.
func peakOf(cmd *exec.Cmd) float64 {
	u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return -1
	case runtime.GOOS == "linux": // kilobytes
		return float64(u.Maxrss) / 1e3
	}
	return float64(u.Maxrss) / 1e6
}
