package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// SystemFile is the path of the system's file. No environment variable moves it.
func SystemFile() string { return systemFile() }

// ReadSystem reads the system's file; nil if there is none. keys is called only if
// there is a file: most machines have none, and every start of a server comes through
// here.
func ReadSystem(path string, keys func() []Key) (*File, error) {
	b, err := ReadAdministrators(path, MaxSize)
	if b == nil && err == nil {
		return nil, nil
	}
	var f *File
	if err == nil {
		f, err = Parse(b, keys(), true)
	}
	if err != nil {
		return nil, fmt.Errorf("the system's configuration %s: %w", path, err)
	}
	f.Path = path
	return f, nil
}

// ReadAdministrators reads a file of at most max bytes; nil if there is none. It must
// be such that only the administrator can have written it, so everything on the way to
// it is looked at, too.
func ReadAdministrators(path string, max int64) ([]byte, error) {
	// Lstat: a link that leads nowhere is a file that is bad, not none.
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := administrators(path); err != nil {
		return nil, err
	}
	return readRegular(path, max, nil)
}

// ReadHome reads a home's file; nil if there is none. It must be the user's own.
func ReadHome(path string, keys func() []Key) (*File, error) {
	b, err := readRegular(path, MaxSize, ours)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var f *File
	if err == nil {
		f, err = Parse(b, keys(), false)
	}
	if err != nil {
		return nil, fmt.Errorf("the configuration %s: %w", path, err)
	}
	f.Path = path
	return f, nil
}

// readRegular reads a regular file, and waits for no pipe. Its content is not nil.
func readRegular(path string, max int64, check func(path string, st fs.FileInfo) error) ([]byte, error) {
	in, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		if bad := (*fs.PathError)(nil); errors.As(err, &bad) {
			err = bad.Err // the caller names the file
		}
		return nil, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if check != nil {
		if err := check(path, st); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.LimitReader(in, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("it is longer than %d bytes", max)
	}
	return b, err
}
