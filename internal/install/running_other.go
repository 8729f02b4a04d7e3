//go:build !linux && !windows

package install

import (
	"os/exec"
	"path/filepath"
	"strings"
)

// processes are the names of the programs that run.
func processes() map[string]bool {
	names := make(map[string]bool)
	out, _ := exec.Command("/bin/ps", "-axo", "comm=").Output() // as Darwin has it, with the path
	for line := range strings.Lines(string(out)) {
		names[filepath.Base(strings.TrimSpace(line))] = true
	}
	return names
}
