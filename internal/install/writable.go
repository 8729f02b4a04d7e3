package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Writable says why there can be no new file in the directory dir, which may yet
// have to be made; nil if there can. It makes nothing.
func Writable(dir string) error {
	st, err := os.Stat(dir)
	switch {
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
