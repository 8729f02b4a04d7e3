//go:build !windows

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// openFlags: opening a FIFO does not wait for its other end.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func systemFile() string {
	if runtime.GOOS == "darwin" {
		return "/Library/Application Support/signet-wrap/config.toml"
	}
	return "/etc/signet-wrap/config.toml"
}

// administrators says what is wrong if others than root could have written the file
// at path, or put another in its place: each directory, link and file on the way must
// be root's. Others may write to none, but to directories with the sticky bit, where
// they cannot replace what is root's.
func administrators(path string) error {
	at, todo := "/", strings.Split(path, "/")
	if err := rootsAlone(at); err != nil {
		return err
	}
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		if err := rootsAlone(next); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if err != nil { // no link
			at = next
			continue
		}
		if links++; links > 40 {
			return errors.New("too many links")
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return nil
}

// rootsAlone looks at a file without following a link.
func rootsAlone(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("who owns %s is not known", path)
	case sys.Uid != 0:
		return fmt.Errorf("%s belongs to user %d, not to root: sudo chown root %s", path, sys.Uid, path)
	case st.Mode()&fs.ModeSymlink != 0: // its mode means nothing
	case st.Mode().Perm()&0o022 != 0 && (!st.IsDir() || st.Mode()&fs.ModeSticky == 0):
		return fmt.Errorf("others than root can write %s (mode %03o): sudo chmod go-w %s", path, st.Mode().Perm(), path)
	}
	return nil
}

// ours says what is wrong if somebody else could have written a home's file. Files of
// mode 664 are usual where each user has a group, and in a directory that is for the
// user alone they are, too.
func ours(path string, st fs.FileInfo) error {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && !durable.IsOurs(st) {
		return fmt.Errorf("it belongs to user %d", sys.Uid)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o022 != 0 && dir.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can write it (mode %03o): chmod 600 %s", st.Mode().Perm(), path)
	}
	return nil
}
