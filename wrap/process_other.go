//go:build unix && !linux

package wrap

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

func harden() {}
