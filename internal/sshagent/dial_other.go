//go:build !windows

package sshagent

import (
	"context"
	"errors"
	"io"
	"net"
)

// Default is the agent's socket that $SSH_AUTH_SOCK names.
func Default(getenv func(string) string) (socket string, err error) {
	if socket = getenv("SSH_AUTH_SOCK"); socket == "" {
		return "", errors.New("$SSH_AUTH_SOCK is not set")
	}
	return socket, nil
}

func dial(ctx context.Context, socket string) (io.ReadWriteCloser, error) {
	return new(net.Dialer).DialContext(ctx, "unix", socket)
}
