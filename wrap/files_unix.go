//go:build !windows

package wrap

import "syscall"

// nonBlocking makes opening a named pipe return at once, without a writer.
const nonBlocking = syscall.O_NONBLOCK
