package cli

import (
	"fmt"
	"io"
	"os"
)

// readFile reads the file at path, or standard input for "-", up to max bytes:
// what was named by mistake, a disk or an endless pipe, is not to fill memory.
func (c *command) readFile(path string, max int64) ([]byte, error) {
	f := c.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("%s is longer than %d bytes", f.Name(), max)
	}
	return b, nil
}
