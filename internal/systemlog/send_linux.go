package systemlog

import (
	"golang.org/x/sys/unix"
)

// sendFile sends a message that is too long for a datagram in a sealed memory file,
// as in journald's native protocol.
func sendFile(fd int, b []byte, to unix.Sockaddr) error {
	mem, err := unix.MemfdCreate("signet-wrap", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(mem)
	for len(b) > 0 {
		n, err := unix.Write(mem, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if _, err := unix.FcntlInt(uintptr(mem), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	return unix.Sendmsg(fd, nil, unix.UnixRights(mem), to, 0)
}
