//go:build unix

package anchor

import "syscall"

const (
	// openNonBlock makes open(2) not wait for the other end of a pipe.
	openNonBlock = syscall.O_NONBLOCK
	// openNoFollow makes it follow no link, too.
	openNoFollow = syscall.O_NOFOLLOW | openNonBlock
)
