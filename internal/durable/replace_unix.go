//go:build !windows

package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// keep gives the file tmp the owner and mode of the file that st is of.
func keep(tmp string, st fs.FileInfo) error {
	now, err := os.Stat(tmp)
	if err != nil {
		return err
	}
	want, ok := st.Sys().(*syscall.Stat_t)
	have, ok2 := now.Sys().(*syscall.Stat_t)
	if ok && ok2 && (want.Uid != have.Uid || want.Gid != have.Gid) {
		if err := os.Chown(tmp, int(want.Uid), int(want.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(tmp, st.Mode().Perm())
}
