//go:build unix

package anchor

import "syscall"

// openNonBlock makes open(2) not wait for the other end of a pipe.
const openNonBlock = syscall.O_NONBLOCK
