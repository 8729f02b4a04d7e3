//go:build !windows

package durable

import "os"

// linkNew is a rename that never replaces, out of link(2), which POSIX has
// fail if there is a to.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
