//go:build unix

package durable

import "golang.org/x/sys/unix"

// Free is how many bytes may be written to the disk that the directory dir is on.
func Free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
