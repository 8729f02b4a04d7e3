//go:build !windows

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// administrator is whom no file keeps out.
const administrator = "root"

// userOf is the user who owns a file or, if there is none, who runs this.
func userOf(path string) string {
	uid := uint32(os.Getuid())
	if st, err := os.Stat(path); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			uid = sys.Uid
		}
	}
	return userName(uid)
}

func userName(uid uint32) string {
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		return u.Username
	}
	return fmt.Sprintf("user %d", uid)
}

// openTo says who, besides the owner of the file at path and root, can read it (bit
// 0o4), or put another in its place or into it (0o2): by its own mode, and for 0o2 by
// those of the directories above it, too.
func openTo(path string, bit fs.FileMode) (who []string) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	var owner uint32
	add := func(name string) {
		if !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	type level struct {
		st  fs.FileInfo
		sys *syscall.Stat_t
	}
	var levels []level // from path up
	for at := path; ; at = filepath.Dir(at) {
		st, err := os.Lstat(at)
		if err != nil {
			return nil
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		levels = append(levels, level{st, sys})
		if at == filepath.Dir(at) {
			break
		}
	}
	owner = levels[0].sys.Uid
	group, everybody := true, true // can come as far as this directory
	for i, l := range slices.Backward(levels) {
		mode := l.st.Mode()
		sticky := mode&fs.ModeSticky != 0 && i > 0 // others replace nothing there that is not theirs
		if i == 0 || bit == 0o2 {
			if l.sys.Uid != owner && l.sys.Uid != 0 {
				add("user " + userName(l.sys.Uid))
			}
			if everybody && mode.Perm()&bit != 0 && !sticky {
				add("everybody")
			}
			// A group that is called after the owner is the owner's own.
			if name := groupName(l.sys.Gid); group && mode.Perm()&(bit<<3) != 0 && !sticky && name != userName(owner) {
				add("the group " + name)
			}
		}
		// A group that may pass one directory is taken to be one that may pass the next.
		group, everybody = group && mode.Perm()&0o011 != 0, everybody && mode.Perm()&0o001 != 0
	}
	return who
}

func groupName(gid uint32) string {
	if g, err := user.LookupGroupId(strconv.Itoa(int(gid))); err == nil {
		return g.Name
	}
	return strconv.Itoa(int(gid))
}
