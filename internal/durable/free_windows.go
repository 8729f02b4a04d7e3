package durable

import "golang.org/x/sys/windows"

// Free is how many bytes may be written to the disk that the directory dir is on.
func Free(dir string) (free uint64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return free, err
}
