package cli

import (
	"os/exec"
	"path/filepath"
)

// openBrowser has the system open a link, and does not wait for the browser.
func openBrowser(getenv func(string) string, url string) error {
	return exec.Command(filepath.Join(getenv("SystemRoot"), "System32", "rundll32.exe"), "url.dll,FileProtocolHandler", url).Run()
}
