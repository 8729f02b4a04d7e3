//go:build unix

package cli

import "golang.org/x/sys/unix"

// freeSpace is how many bytes may be written to the disk that dir is on.
func freeSpace(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
