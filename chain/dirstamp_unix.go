//go:build unix

package chain

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// stamp shows whether a directory is the same as before, and has the same names.
// The change time cannot be set by programs; the modification time can.
type stamp struct {
	dev, ino           uint64
	modifiedAt, change unix.Timespec
}

func stampOf(dir string) (stamp, error) {
	for {
		var st unix.Stat_t
		switch err := unix.Stat(dir, &st); err {
		case nil:
			return stamp{uint64(st.Dev), uint64(st.Ino), st.Mtim, st.Ctim}, nil
		case unix.EINTR:
		default:
			return stamp{}, &fs.PathError{Op: "stat", Path: dir, Err: err}
		}
	}
}

func (s stamp) modified() time.Time { return time.Unix(s.modifiedAt.Unix()) }
