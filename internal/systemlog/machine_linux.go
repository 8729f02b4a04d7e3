package systemlog

import (
	"os"
	"strings"
)

// machineID is that of machine-id(5).
func machineID() string {
	b, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(b) > 1<<10 {
		return ""
	}
	return strings.TrimSpace(string(b))
}
