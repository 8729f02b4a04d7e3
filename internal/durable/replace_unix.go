//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keep gives the file tmp the owner and mode of the file that st is of. Where only
// the group cannot be given, it gives no group any rights: ours may be a large one.
func keep(tmp string, st fs.FileInfo) (regrouped bool, err error) {
	now, err := os.Stat(tmp)
	if err != nil {
		return false, err
	}
	mode := st.Mode().Perm()
	want, ok := st.Sys().(*syscall.Stat_t)
	have, ok2 := now.Sys().(*syscall.Stat_t)
	if ok && ok2 && (want.Uid != have.Uid || want.Gid != have.Gid) {
		err := os.Chown(tmp, int(want.Uid), int(want.Gid))
		if regrouped = errors.Is(err, fs.ErrPermission) && want.Uid == have.Uid; regrouped {
			mode &= 0o700
		} else if err != nil {
			return false, fmt.Errorf("keeping its owner: %w", err)
		}
	}
	return regrouped, os.Chmod(tmp, mode)
}

// hardLinked says whether the file that st is of has other names.
func hardLinked(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Nlink > 1
}

// takesNoFile says whether err is that of a directory in which there can be no new
// file.
func takesNoFile(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// isMount says whether err is that of renaming over a file that is mounted by
// itself.
func isMount(err error) bool { return errors.Is(err, syscall.EBUSY) }
