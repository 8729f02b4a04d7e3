//go:build unix && !linux

package wrap

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

func harden() {}

// allDead does not look: launchd and the BSDs' init wait for every orphan.
func allDead(int) bool { return false }
