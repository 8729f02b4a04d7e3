//go:build unix

package systemlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// journalctls are the paths where journalctl may be. PATH is not used, because the
// user's programs can set it. Tests replace them.
var journalctls = []string{"/usr/bin/journalctl", "/bin/journalctl", "/run/current-system/sw/bin/journalctl"}

// journalctl is the path of a journalctl that only root can write; "" if there is
// none.
func journalctl() string {
	for _, path := range journalctls {
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o022 == 0 {
			if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Uid == 0 {
				return path
			}
		}
	}
	return ""
}

// Journal reads what journald has of the messages that these users sent under
// [Identifier], newest first. It ends early if see returns false. The Reach is that
// of all their messages. The error is [ErrAbsent] if there is no journal.
func Journal(ctx context.Context, uids []uint32, see func(Entry) bool) (Reach, error) {
	path := journalctl()
	if path == "" {
		return Reach{}, ErrAbsent
	}
	users := make([]string, len(uids))
	for i, uid := range uids {
		users[i] = "_UID=" + strconv.FormatUint(uint64(uid), 10)
	}
	base := []string{"-o", "json", "--all", "--no-pager"}
	var reach Reach
	for _, end := range []struct {
		flags []string
		time  *time.Time
	}{{nil, &reach.From}, {[]string{"-r"}, &reach.To}} {
		args := append(append(append([]string{}, base...), end.flags...), users...)
		_, err := run(ctx, path, args, func(e Entry) bool {
			*end.time = e.Time
			return false
		})
		if err != nil {
			return reach, err
		}
	}
	args := append(append(append([]string{}, base...), "-r"), users...)
	var err error
	reach.Partial, err = run(ctx, path, append(args, "SYSLOG_IDENTIFIER="+Identifier), func(e Entry) bool {
		return e.Message == nil || see(e)
	})
	return reach, err
}

// run runs journalctl with an empty environment, and ends it when see returns
// false. The warning says what journalctl could not read, "" if it read all.
func run(ctx context.Context, path string, args []string, see func(Entry) bool) (warning string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{} // nil would be our environment
	cmd.Dir = "/"
	var said bytes.Buffer
	cmd.Stderr = &limited{&said, 4 << 10}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	enough := false
	any := false
	rerr := lines(out, func(line []byte) bool {
		if e, ok := journalEntry(line); ok {
			any = true
			enough = !see(e)
		}
		return !enough
	})
	if enough {
		cancel()
		cmd.Wait()
		return "", nil
	}
	err = cmd.Wait()
	warning = complaint(said.String())
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case strings.Contains(warning, "No journal files were found"):
		return "", ErrAbsent
	case strings.Contains(warning, "insufficient permissions") && !any:
		return "", errors.New("this user may not read the journal: root or a member of the group systemd-journal may")
	case err != nil && (any || warning != "" || !cmd.ProcessState.Exited()):
		return warning, errors.New(strings.TrimSuffix(fmt.Sprintf("%s: %v: %s", path, err, warning), ": "))
	case err != nil:
		return "", nil // journalctl of some versions: nothing matches
	}
	return warning, rerr
}

// complaint is the first line of what journalctl wrote to stderr that is not
// advice.
func complaint(stderr string) string {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "Hint:") && !strings.HasPrefix(line, "Users in ") && !strings.HasPrefix(line, "Pass -q ") {
			return line
		}
	}
	return ""
}

// limited keeps the first bytes that are written to it.
type limited struct {
	*bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.Buffer.Write(p[:n])
	return len(p), nil
}
