//go:build unix

package proc_test

import (
	"os/exec"
	"syscall"
	"testing"
)

// platformExitCodes are exit codes that only this platform has.
var platformExitCodes []int

// prepareToTell makes it possible to tell cmd to end.
func prepareToTell(*exec.Cmd) {}

// tellToEnd asks cmd to end, as the platform asks.
func tellToEnd(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}
