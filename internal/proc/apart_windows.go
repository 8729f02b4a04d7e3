package proc

import (
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

var rootDir = os.Getenv("SystemDrive") + `\`

// apart gives the process no console. It stays in our job and ends with us: a job
// that lets processes leave would let the server leave, too.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
}

// systemEnv is the environment that every program needs: the sockets of Windows
// need it.
func systemEnv(env []string) (kept []string) {
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); strings.EqualFold(name, "SystemRoot") {
			kept = append(kept, e)
		}
	}
	return kept
}
