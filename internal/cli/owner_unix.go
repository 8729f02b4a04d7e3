//go:build !windows

package cli

import (
	"io/fs"
	"os"
	"syscall"
)

// isOurs says whether a file is that of the user who runs this.
func isOurs(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return !ok || int(sys.Uid) == os.Geteuid()
}
