package proc_test

import (
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

// platformExitCodes are exit codes that only this platform has.
var platformExitCodes = []int{256, 70000, 0xC0000005, 0xFFFFFFFF}

// prepareToTell makes it possible to tell cmd to end.
func prepareToTell(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// tellToEnd asks cmd to end, as the platform asks: by the console.
func tellToEnd(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if onWine {
		t.Skip("wine 8 knows no Ctrl-Break: integration/wine_linux_test.go types a Ctrl-C")
	}
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
}
