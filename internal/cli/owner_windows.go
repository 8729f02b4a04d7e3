package cli

import "io/fs"

// isOurs is true: who owns a file is not looked at on Windows.
func isOurs(fs.FileInfo) bool { return true }
