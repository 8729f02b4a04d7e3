//go:build unix

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func sameEnv(a, b string) bool { return a == b }

func notExecutable(error) bool { return false } // execvp runs it as a script

func permissionHint(name string) string {
	return fmt.Sprintf("chmod +x %s, or put its interpreter in front", name)
}

// newCommand makes the server's command, not yet started. The server gets a process
// group of its own, except on a terminal that is ours: there another group would be
// stopped when it reads from the terminal.
func (s *Server) newCommand(c Command) (*exec.Cmd, error) {
	path, err := LookPath(c.Args[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: c.Args, SysProcAttr: &syscall.SysProcAttr{}}
	s.group.own = c.Own
	if s.group.shared = c.Own && foreground(); s.group.shared {
		adoptOrphans()
	} else {
		cmd.SysProcAttr.Setpgid = true
	}
	guarded := exists(shell)
	if !guarded && c.Say != nil {
		c.Say("processes that the server starts may outlive signet-wrap if it is killed: there is no %s", shell)
	}
	if !s.group.shared || !guarded {
		// In a shared group the guard finds the server's children through the
		// server, so the server must not end before.
		dieWithParent(cmd.SysProcAttr)
	}
	return cmd, nil
}

// asScript is the command for a file that the kernel cannot execute: a script
// without "#!", as execvp(3) starts it. It is nil for other errors.
func asScript(cmd *exec.Cmd, err error) *exec.Cmd {
	if !errors.Is(err, syscall.ENOEXEC) {
		return nil
	}
	return &exec.Cmd{
		Path: shell, Args: append([]string{shell, cmd.Path}, cmd.Args[1:]...),
		Env: cmd.Env, Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, SysProcAttr: cmd.SysProcAttr,
	}
}

const shell = "/bin/sh"

// LookPath finds a command as execvp(3) does: relative directories in PATH are
// used, and an empty one is the current directory. (exec.LookPath refuses both.)
// Without PATH it uses the default of the C library.
func LookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	path, ok := os.LookupEnv("PATH")
	if !ok {
		path = "/bin:/usr/bin"
	}
	found := error(&exec.Error{Name: name, Err: exec.ErrNotFound})
	for _, dir := range strings.Split(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name // not filepath.Join, which removes the ./
		err := executable(file)
		if err == nil {
			return file, nil
		}
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR) {
			found = &fs.PathError{Op: "exec", Path: file, Err: err} // unless another one is found
		}
	}
	return "", found
}

// executable says why a file cannot be executed; nil if it can.
func executable(file string) error {
	st, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case st.IsDir():
		return syscall.EISDIR
	}
	return unix.Access(file, unix.X_OK)
}
