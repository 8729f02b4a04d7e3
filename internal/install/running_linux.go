package install

import (
	"bytes"
	"os"
	"path/filepath"
)

// processes are the names of the programs that run: what the kernel calls them
// and the base names of their first two arguments, for scripts run by node.
func processes() map[string]bool {
	names := make(map[string]bool)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if b, err := os.ReadFile(dir + "/comm"); err == nil {
			names[string(bytes.TrimSpace(b))] = true
		}
		if b, err := os.ReadFile(dir + "/cmdline"); err == nil {
			for _, arg := range bytes.SplitN(b, []byte{0}, 3)[:min(2, bytes.Count(b, []byte{0}))] {
				names[filepath.Base(string(arg))] = true
			}
		}
	}
	return names
}
