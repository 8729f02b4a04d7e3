package proc

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

func sameEnv(a, b string) bool { return strings.EqualFold(a, b) }

// errNoProgram is the error for a path with something that is not a program.
var errNoProgram = errors.New("it is a directory, or PATHEXT does not list its extension")

func notExecutable(err error) bool {
	return errors.Is(err, errNoProgram) || errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) || errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH)
}

func permissionHint(string) string { return "its permissions, or a policy of this computer, forbid it" }

// newCommand makes the server's command, not yet started, and puts this process
// into the job in which the server will be created.
func (s *Server) newCommand(c Command) (*exec.Cmd, error) {
	path, err := LookPath(c.Args[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: c.Args, SysProcAttr: &syscall.SysProcAttr{}}
	if isBatch(path) {
		system, err := windows.GetSystemDirectory()
		if err != nil {
			return nil, err
		}
		cmd.Path = filepath.Join(system, "cmd.exe")
		if cmd.SysProcAttr.CmdLine, err = batchLine(path, c.Args[1:]); err != nil {
			return nil, err
		}
	}
	// Without a console of ours the server gets none, or a window would open. If we
	// have one, the server has it too, as without us, and so gets its Ctrl-C and
	// Ctrl-Break.
	if cp, err := windows.GetConsoleCP(); err != nil || cp == 0 {
		cmd.SysProcAttr.CreationFlags = windows.CREATE_NO_WINDOW
	}
	job, err := ownJob()
	if err == nil {
		err = job.dieTogether(true)
	}
	if err != nil && c.Say != nil {
		c.Say("the server may outlive signet-wrap if it is killed: %v", err)
	}
	return cmd, nil
}

// asScript is for execvp.
func asScript(*exec.Cmd, error) *exec.Cmd { return nil }

// LookPath finds a command as Go does: with PATHEXT, in PATH, and in the current
// directory only if the name says so. The path is absolute, because cmd.exe takes
// text after a slash as a switch.
func LookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return filepath.Abs(path)
	case !strings.ContainsAny(name, `:\/`):
		return "", err
	case exists(name):
		return "", errNoProgram
	}
	return "", fs.ErrNotExist
}
