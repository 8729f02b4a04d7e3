//go:build !windows

package install

import "golang.org/x/sys/unix"

func canWriteIn(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
