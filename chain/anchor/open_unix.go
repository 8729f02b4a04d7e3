//go:build unix

package anchor

import "syscall"

// openNonBlock has open(2) not wait for a pipe's other end.
const openNonBlock = syscall.O_NONBLOCK
