//go:build !windows

package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// IsOurs says whether a file is that of the user who runs this.
func IsOurs(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return !ok || int(sys.Uid) == os.Geteuid()
}
