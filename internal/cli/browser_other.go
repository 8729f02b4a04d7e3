//go:build !darwin && !windows

package cli

import (
	"errors"
	"os/exec"
	"time"
)

// openBrowser has the desktop open a link, and does not wait for the browser. Without a
// desktop xdg-open would run a browser in the terminal.
func openBrowser(getenv func(string) string, url string) error {
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return errors.New("there is no desktop")
	}
	cmd := exec.Command("xdg-open", url)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select { // a browser that it starts itself it waits for
	case err := <-ended:
		return err
	case <-time.After(3 * time.Second):
		return nil
	}
}
