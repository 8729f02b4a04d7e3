//go:build unix && !linux

package systemlog

import "golang.org/x/sys/unix"

// sendFile is for journald, which is Linux's.
func sendFile(int, []byte, unix.Sockaddr) error { return unix.EMSGSIZE }
