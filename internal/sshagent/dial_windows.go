package sshagent

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

// Default is the agent's socket that %SSH_AUTH_SOCK% names, else the pipe of the
// agent that comes with Windows.
func Default(getenv func(string) string) (socket string, err error) {
	if socket = getenv("SSH_AUTH_SOCK"); socket == "" {
		socket = `\\.\pipe\openssh-ssh-agent`
	}
	return socket, nil
}

func dial(ctx context.Context, socket string) (io.ReadWriteCloser, error) {
	if !strings.HasPrefix(strings.ReplaceAll(socket, "/", `\`), `\\.\pipe\`) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	name, err := windows.UTF16PtrFromString(socket)
	if err != nil {
		return nil, err
	}
	// Overlapped, so that closing it ends a read. Who listens there learns who
	// asks, and cannot act in our name.
	const flags = windows.FILE_FLAG_OVERLAPPED | windows.SECURITY_SQOS_PRESENT | windows.SECURITY_IDENTIFICATION
	for {
		h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, flags, 0)
		if err == nil {
			return os.NewFile(uintptr(h), socket), nil
		}
		if !errors.Is(err, windows.ERROR_PIPE_BUSY) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
