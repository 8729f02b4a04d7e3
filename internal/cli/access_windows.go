package cli

import (
	"io/fs"
	"os/user"
)

// administrator is whom no file keeps out.
const administrator = "an administrator"

// userOf is the user who runs this: who owns a file is not looked at on Windows.
func userOf(string) string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "this user"
}

// openTo is for systems whose files have modes.
func openTo(string, fs.FileMode) []string { return nil }
