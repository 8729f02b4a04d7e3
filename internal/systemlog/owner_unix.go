//go:build unix

package systemlog

import (
	"io/fs"
	"syscall"
)

// Owner is the user who owns a file.
func Owner(st fs.FileInfo) (uid uint32, ok bool) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return sys.Uid, true
}
