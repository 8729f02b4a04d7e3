package proc

import "os/exec"

// For the tests that start this binary again, which are outside the package.
var (
	ErrNoProgram = errNoProgram
	CommandLine  = argv
)

// NewCommand is newCommand for a command without arguments.
func NewCommand(name string) (*exec.Cmd, error) {
	return new(Server).newCommand(Command{Args: []string{name}})
}
