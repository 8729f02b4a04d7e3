package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// acceptedFile has what was accepted for good: an id a line, and after it when and
// by whom. Who has the account whose log it is must not be able to write it, so it
// counts only if root alone can. Tests put another in its place.
var acceptedFile = "/etc/signet-wrap/accepted"

// maxAccepted bounds how much of it is read, in bytes.
const maxAccepted = 1 << 20

// readAccepted reads the ids. No file is none.
func readAccepted() (ids []string, err error) {
	f, err := os.Open(acceptedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	dir, err := os.Stat(filepath.Dir(acceptedFile))
	if err != nil {
		return nil, err
	}
	if !rootsAlone(st) || !rootsAlone(dir) || !st.Mode().IsRegular() {
		return nil, errors.New("others than root can write it, or its directory")
	}
	lines := bufio.NewScanner(io.LimitReader(f, maxAccepted))
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			ids = append(ids, fields[0])
		}
	}
	return ids, lines.Err()
}

func rootsAlone(st fs.FileInfo) bool {
	uid, ok := systemlog.Owner(st)
	return ok && uid == 0 && st.Mode().Perm()&0o022 == 0
}

// remember writes ids to the file.
func remember(ids []string) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%s is root's alone", acceptedFile)
	}
	if err := os.MkdirAll(filepath.Dir(acceptedFile), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(acceptedFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	who := os.Getenv("SUDO_USER")
	if who == "" {
		who = "root"
	}
	for _, id := range ids {
		if _, err = fmt.Fprintf(f, "%s accepted at %s by %s\n", strings.Fields(id + " ")[0], event.FormatTime(time.Now()), strings.Join(strings.Fields(who), "_")); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}
