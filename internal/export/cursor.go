package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A Cursor is where an export is: the last record that its receiver has taken and not
// lost since, in a file of one line. One process at a time has it.
type Cursor struct {
	File       string `json:"file"` // of the log; "": nothing was exported
	Offset     int64  `json:"offset"`
	RecordHash string `json:"record_hash"`

	path    string
	content []byte // of the file; nil: there is none
	lock    *os.File
}

// maxCursor bounds the file, in bytes.
const maxCursor = 4096

// OpenCursor opens the cursor in a file, which need not be there.
func OpenCursor(path string) (*Cursor, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &Cursor{path: path, lock: lock}
	ours, err := durable.TryLock(lock)
	if err == nil && !ours {
		err = fmt.Errorf("%s: another export has this cursor", path)
	}
	if err == nil {
		err = c.read()
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cursor) read() error {
	st, err := os.Stat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxCursor) {
		err = fmt.Errorf("%s is not the cursor of an export", c.path)
	}
	if err == nil {
		c.content, err = os.ReadFile(c.path)
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(c.content, c) != nil || c.File == "" || c.RecordHash == "" || c.Offset < 0 {
		return fmt.Errorf("%s is not the cursor of an export", c.path)
	}
	return nil
}

// save writes down that all up to m was taken.
func (c *Cursor) save(m mark) error {
	c.File, c.Offset, c.RecordHash = m.at.File, m.at.Offset, m.hash
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if c.content == nil {
		err = durable.WriteNew(c.path, line, 0o600)
	} else {
		_, err = durable.Replace(c.path, c.content, line)
	}
	if err != nil {
		return fmt.Errorf("writing down how far the export is: %w", err)
	}
	c.content = line
	return nil
}

// Close lets others have the cursor.
func (c *Cursor) Close() error { return c.lock.Close() }
