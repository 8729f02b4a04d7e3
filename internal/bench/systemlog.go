package main

import (
	"os"
	"path/filepath"
	"slices"
)

// Heads of scratch logs in this machine's system log would be noise there, and, once
// the logs are removed, other logs of this user that are gone. So they go to a system
// log of this program's own, or nowhere.

// headless adds a flag that sends no heads, unless there is a system log for them.
func (b *bench) headless(flags []string) []string {
	if b.journal != "" || slices.Contains(flags, "--system-log") {
		return flags
	}
	return append([]string{"--system-log", "off"}, flags...)
}

// quiet makes a home directory in which verbs, too, send no heads, unless there is a
// system log for them.
func (b *bench) quiet(home string) error {
	signet := filepath.Join(home, ".signet")
	if err := os.MkdirAll(signet, 0o700); err != nil || b.journal != "" {
		return err
	}
	return os.WriteFile(filepath.Join(signet, "config.toml"), []byte("system-log = \"off\"\n"), 0o600)
}
