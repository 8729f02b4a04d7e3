//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// However install is interrupted, a file is the old one, or it is wrapped and noted
// as such; and nothing lies about.
func TestInstallInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine in each process: nothing for the race detector")
	}
	var old bytes.Buffer
	old.WriteString(`{"mcpServers":{`)
	for i := range 2000 {
		fmt.Fprintf(&old, `"s%d":{"command":"x"},`, i)
	}
	old.WriteString(`"last":{"command":"x"}}}`)
	wrapped := 0
	for i := range 12 {
		home := t.TempDir()
		file, backups := filepath.Join(home, ".cursor/mcp.json"), filepath.Join(home, ".signet/backup")
		if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, old.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("signet-wrap", "install", "--client", "cursor")
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "SIGNET_HOME=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// When the file is about to be written, and somewhat before and after.
		pattern := []string{home + "/.signet/backup", backups + "/*/mcp.json", home + "/.cursor/.mcp.json.tmp-*", backups + "/*/manifest.json"}[i%4]
		var err error
		for waiting := true; waiting; {
			select {
			case err = <-ended:
				waiting = false
				ended <- err
			default:
				there, _ := filepath.Glob(pattern)
				waiting = len(there) == 0
				time.Sleep(20 * time.Microsecond)
			}
		}
		cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case err = <-ended:
		case <-time.After(2 * time.Minute):
			t.Fatal("it did not end")
		}
		var exit *exec.ExitError
		killed := false
		if errors.As(err, &exit) {
			killed = exit.Sys().(syscall.WaitStatus).Signaled()
		}
		if err != nil && !killed && (exit == nil || exit.ExitCode() != 1) {
			t.Errorf("%v: %s", err, stderr.String())
		}
		now, rerr := os.ReadFile(file)
		if rerr != nil {
			t.Fatal(rerr)
		}
		left, _ := filepath.Glob(filepath.Dir(file) + "/.*.tmp-*")
		noted, _ := filepath.Glob(backups + "/*/manifest.json")
		has := strings.Count(string(now), "signet-wrap") == 2001
		switch {
		case len(left) > 0:
			t.Errorf("%d: %q lie about", i, left)
		case has && len(noted) != 1:
			t.Errorf("%d: wrapped and not noted: %v, %s", i, err, stderr.String())
		case !has && !bytes.Equal(now, old.Bytes()):
			t.Errorf("%d: neither wrapped nor the old one", i)
		case has && err != nil && !killed && !strings.Contains(stderr.String(), "interrupted: "):
			t.Errorf("%d: %v: %s", i, err, stderr.String())
		}
		if has {
			wrapped++
		}
	}
	t.Logf("wrapped %d of 12", wrapped)
}
