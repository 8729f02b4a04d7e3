package install

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// processes are the names of the programs that run.
func processes() map[string]bool {
	names := make(map[string]bool)
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return names
	}
	defer windows.CloseHandle(snapshot)
	var p windows.ProcessEntry32
	p.Size = uint32(unsafe.Sizeof(p))
	for err := windows.Process32First(snapshot, &p); err == nil; err = windows.Process32Next(snapshot, &p) {
		names[windows.UTF16ToString(p.ExeFile[:])] = true
	}
	return names
}
