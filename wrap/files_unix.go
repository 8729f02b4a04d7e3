//go:build !windows

package wrap

import "syscall"

// nonBlocking opens a pipe that nobody writes to without waiting.
const nonBlocking = syscall.O_NONBLOCK
