package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// A StartError says that a server could not be started.
type StartError struct {
	// Status is the exit status for this error, as in env(1) and shells: 127 if the
	// command was not found, 126 if it is not executable, 125 for an error of our
	// own.
	Status int
	Err    error
	Hint   string
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// startError says in one line what was tried.
func startError(c Command, err error) *StartError {
	name := c.Args[0]
	file := name // or the file that was found in PATH
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		file = path.Path
	}
	var batch *batchError
	switch {
	case errors.As(err, &batch):
		return &StartError{126, fmt.Errorf("cannot start %q: %w", name, batch), "start the program that it is for, such as node with its script"}
	case errors.Is(err, exec.ErrDot):
		return &StartError{127, fmt.Errorf("cannot start %q: it is in the current directory, which is not searched", name), fmt.Sprintf("write .%c%s to start that one", os.PathSeparator, name)}
	case errors.Is(err, exec.ErrNotFound):
		return &StartError{127, fmt.Errorf("cannot find the server command %q in PATH=%s", name, os.Getenv("PATH")),
			notFoundHint(name, "clients start servers with a short PATH; give the command's full path")}
	case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !exists(file):
		return &StartError{127, fmt.Errorf("cannot find the server command %q", name), notFoundHint(name, "check the path in the client's configuration")}
	case errors.Is(err, fs.ErrNotExist):
		return &StartError{126, fmt.Errorf("cannot start %q: the interpreter that it names is missing", name), "check its first line"}
	case errors.Is(err, fs.ErrPermission):
		return &StartError{126, fmt.Errorf("cannot start %q: it is not executable", name), permissionHint(file)}
	case isDir(file):
		return &StartError{126, fmt.Errorf("cannot start %q: it is a directory", name), "give the path of the program in it"}
	case notExecutable(err):
		return &StartError{126, fmt.Errorf("cannot start %q: %w", name, err), "put its interpreter in front, such as node or python3"}
	}
	return &StartError{125, fmt.Errorf("cannot start %q: %w", name, err), ""}
}

// notFoundHint is the hint for a command that does not exist: what a shell would
// have replaced or split in it, else otherwise.
func notFoundHint(name, otherwise string) string {
	command, _, arguments := strings.Cut(name, " ")
	switch {
	case strings.HasPrefix(name, "~"):
		return "only a shell replaces ~: write out the path"
	case strings.Contains(name, "$"):
		return "only a shell replaces variables: write out the path"
	case arguments && command != "":
		return fmt.Sprintf("if %q is the command, the rest are arguments: write each as its own argument", command)
	}
	return otherwise
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
