package text

import (
	"runtime"
	"strings"
)

// Quote is s as one word of a command line, for the shell that the user types it
// into: a Unix shell, or on Windows PowerShell or cmd.exe.
func Quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r) ||
			r == '\\' && runtime.GOOS == "windows"
	}
	switch {
	case s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0:
		return s
	case runtime.GOOS == "windows":
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
