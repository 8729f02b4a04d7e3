package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func isLink(path string) bool {
	_, err := os.Readlink(path)
	return err == nil
}

// Writable says why there can be no new file in the directory dir, which may yet
// have to be made; nil if there can. It makes nothing.
func Writable(dir string) error {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isLink(dir):
		return fmt.Errorf("%s is a link to a directory that is not there", dir)
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
		return Writable(filepath.Dir(dir))
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !canWriteIn(dir):
		return fmt.Errorf("%s cannot be written to", dir)
	}
	return nil
}
