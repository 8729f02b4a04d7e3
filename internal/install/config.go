package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A Config is a File that has been opened.
type Config struct {
	File
	Doc *Document // nil if Err
	Err error     // why the file cannot be read, or must not be touched

	real    string // the file itself, where Path is a symbolic link
	remotes map[*Entry]remoteChange
}

// Open reads and parses the file. It never fails: see Config.Err.
func (f File) Open() *Config {
	c := &Config{File: f}
	c.Err = func() (err error) {
		if c.real, err = filepath.EvalSymlinks(f.Path); err != nil {
			return err
		}
		if c.real, err = filepath.Abs(c.real); err != nil {
			return err
		}
		data, err := readBounded(c.real)
		if err != nil {
			return err
		}
		c.Doc, err = Parse(data, f.Client.Format, f.Client.Pointers)
		return err
	}()
	if c.Err == nil && f.Managed {
		for _, e := range c.Doc.Entries {
			e.Reason, e.Manual = "it is managed by an administrator", false
		}
	}
	return c
}

// readBounded reads a regular file: a pipe would be waited for for ever.
func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1)) // Parse refuses what is longer
}

// Writable says why Write with these backups would fail, as far as can be seen
// without writing anything.
func (c *Config) Writable(backups string) error {
	if err := Writable(backups); err != nil {
		return fmt.Errorf("keeping the old file: %w", err)
	}
	return durable.Replaceable(c.real)
}

// A Written is what Write did.
type Written struct {
	Kept      string // the directory with the old file; "" if nothing was changed
	Regrouped bool   // the file lost its group: see durable.Replace
	InPlace   bool   // see durable.ReplaceOrOverwrite
}

// Write puts data, which is Doc with the chosen entries wrapped or unwrapped,
// in the place of the file. Before that it keeps the old file in a new directory
// in backups, mode 0600 in 0700, for it may hold secrets; after it, a manifest
// by which Past knows what was done. Old directories that nothing needs any more
// are deleted.
//
// The error wraps durable.ErrChanged if the file is no longer what Open read.
func (c *Config) Write(backups string, wrapped bool, data []byte, chosen []*Entry, now time.Time) (Written, error) {
	return c.write(backups, wrapped, data, chosen, nil, now)
}

func (c *Config) write(backups string, wrapped bool, data []byte, chosen []*Entry, remotes []remoteChange, now time.Time) (w Written, err error) {
	m := newManifest(c, wrapped, chosen, now)
	m.Remotes = remotes
	m.Backup = filepath.Base(c.real)
	dir, err := newChange(backups, m, now)
	if err == nil {
		err = durable.WriteNew(filepath.Join(dir, m.Backup), c.Doc.data, 0o600)
	}
	if err != nil {
		return Written{}, fmt.Errorf("keeping the old file: %w", err)
	}
	if w.Regrouped, w.InPlace, err = durable.ReplaceOrOverwrite(c.real, c.Doc.data, data); err != nil {
		// What was written in place is there, should it have come to nothing.
		if now, rerr := readBounded(c.real); !w.InPlace || rerr == nil && bytes.Equal(now, c.Doc.data) {
			os.RemoveAll(dir)
			return Written{}, err
		}
		return Written{}, fmt.Errorf("%w; the old file is in %s", err, dir)
	}
	w.Kept = dir
	if err := m.write(dir); err != nil {
		return w, err
	}
	return w, prune(backups, m.Path)
}
