//go:build unix

package proc

import (
	"io"
	"os"
	"strconv"
	"syscall"
)

// shimPipe is the variable in which the npm package's shim names the descriptor of a
// pipe that ends with it.
const shimPipe = "SIGNET_WRAP_SHIM_PIPE"

// EndWithShim has this process killed when the shim that started it is, as if the
// client had killed this process itself. The server sees neither variable nor pipe.
func EndWithShim() {
	fd, err := strconv.Atoi(os.Getenv(shimPipe))
	os.Unsetenv(shimPipe)
	if err != nil || fd < 3 {
		return
	}
	syscall.CloseOnExec(fd)
	pipe := os.NewFile(uintptr(fd), shimPipe)
	go func() {
		if _, err := io.Copy(io.Discard, pipe); err == nil { // else it was no pipe
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}()
}
