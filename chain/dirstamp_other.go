//go:build !unix

package chain

import (
	"os"
	"time"
)

// stamp shows whether a directory has the same names as before. It cannot be
// another directory while the log's files are open: Windows does not allow that.
type stamp struct{ at int64 }

func stampOf(dir string) (stamp, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return stamp{}, err
	}
	return stamp{st.ModTime().UnixNano()}, nil
}

func (s stamp) modified() time.Time { return time.Unix(0, s.at) }
