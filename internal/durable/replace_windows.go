package durable

import (
	"errors"
	"io/fs"
)

// keep does nothing: a new file has its directory's access list, as the old one
// will have had.
func keep(string, fs.FileInfo) (regrouped bool, err error) { return false, nil }

// hardLinked is not known: the links of a file are counted by opening it, and few
// are made there.
func hardLinked(fs.FileInfo) bool { return false }

func takesNoFile(err error) bool { return errors.Is(err, fs.ErrPermission) }

// isMount is never so: a directory may be a mount, a file may not.
func isMount(error) bool { return false }
