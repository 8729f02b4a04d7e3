//go:build unix

package systemlog

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// The paths of the sockets. Tests replace them.
var (
	journalSocket = "/run/systemd/journal/socket"
	syslogSocket  = map[bool]string{false: "/dev/log", true: "/var/run/syslog"}[runtime.GOOS == "darwin"]
)

// Open returns a Sender to the system's log of this machine; nil if it has none.
func Open() Sender {
	for _, s := range []socket{
		{to: "journald", path: journalSocket, format: journalMessage},
		{to: "syslog", path: syslogSocket, format: syslogMessage},
	} {
		if st, err := os.Stat(s.path); err == nil && st.Mode()&fs.ModeSocket != 0 {
			return &s
		}
	}
	return nil
}

// socket sends datagrams to an AF_UNIX socket, which is not a network connection.
type socket struct {
	to, path string
	format   func(identifier string, message []byte) []byte
}

func (s *socket) To() string { return s.to }

// Send opens a socket for each message. A restarted system log has a new socket at
// the same path, and the server's process cannot inherit a descriptor that is not
// kept.
func (s *socket) Send(identifier string, message []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	b := s.format(identifier, message)
	to := &unix.SockaddrUnix{Name: s.path}
	err = unix.Sendto(fd, b, 0, to)
	if s.to == "journald" && (errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS)) {
		return sendFile(fd, b, to)
	}
	return err
}

// journalMessage is a datagram of journald's native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). A message has no newline.
func journalMessage(identifier string, message []byte) []byte {
	b := make([]byte, 0, 64+len(message))
	b = append(append(b, "SYSLOG_IDENTIFIER="...), identifier...)
	b = append(append(b, "\nPRIORITY=6\nMESSAGE="...), message...)
	return append(b, '\n')
}

// syslogMessage is what syslog(3) sends, with the facility user and the severity
// info. It has no time; the system's log adds its own (RFC 3164, section 4.3.2).
func syslogMessage(identifier string, message []byte) []byte {
	b := append([]byte("<14>"), identifier...)
	b = strconv.AppendInt(append(b, '['), int64(os.Getpid()), 10)
	return append(append(b, "]: "...), message...)
}
