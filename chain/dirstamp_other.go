//go:build !unix

package chain

import (
	"os"
	"time"
)

// stamp tells whether a directory has the same names as before. While a log's
// files are open it cannot be another one: Windows does not let it go.
type stamp struct{ at int64 }

func stampOf(dir string) (stamp, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return stamp{}, err
	}
	return stamp{st.ModTime().UnixNano()}, nil
}

func (s stamp) modified() time.Time { return time.Unix(0, s.at) }
