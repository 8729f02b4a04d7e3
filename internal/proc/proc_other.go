//go:build unix && !linux

package proc

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

// Harden does nothing: there is no way known to keep the user's other
// processes out of ours.
func Harden() {}

// allDead does not look: launchd and the BSDs' init wait for every orphan.
func allDead(int) bool { return false }
