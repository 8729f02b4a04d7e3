package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// acceptedFile has what was accepted for good: an id a line, and after it when, by
// whom and why. Who has the account whose log it is must not be able to write it, so it
// counts only if root alone can. Tests put another in its place.
var acceptedFile = "/etc/signet-wrap/accepted"

// maxAccepted bounds how much of it is read, in bytes.
const maxAccepted = 1 << 20

// readRoots reads a file that counts only if root alone can have written it, nil if there
// is none; in the form of its path there is none on Windows.
func readRoots(path string, max int64) ([]byte, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	return config.ReadAdministrators(path, max)
}

// readAccepted reads the ids. No file is none.
func readAccepted() (ids []string, err error) {
	b, err := readRoots(acceptedFile, maxAccepted)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 0 && acceptable(fields[0]) {
			ids = append(ids, fields[0])
		}
	}
	return ids, nil
}

// remember writes ids to the file, with when, by whom and why they were accepted.
func remember(ids []string, why string) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%s is root's alone", acceptedFile)
	}
	if err := os.MkdirAll(filepath.Dir(acceptedFile), 0o755); err != nil {
		return err
	}
	if _, err := readAccepted(); err != nil { // what is there may be anybody's, and a pipe
		return err
	}
	f, err := os.OpenFile(acceptedFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	oneLine := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	var lines strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&lines, "%s accepted at %s by %s: %s\n", id, event.FormatTime(time.Now()),
			cmp.Or(oneLine(os.Getenv("SUDO_USER")), "root"), cmp.Or(oneLine(why), "no reason given"))
	}
	_, err = f.WriteString(lines.String())
	// Whatever the umask: those whose logs they are have to read it.
	return errors.Join(err, f.Chmod(0o644), f.Close())
}
