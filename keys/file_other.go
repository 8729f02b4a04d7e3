//go:build !unix

package keys

import "os"

func openFile(path string) (*os.File, error) { return os.Open(path) }

func openLock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }
