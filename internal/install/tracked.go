package install

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Tracked says whether git has the file under version control, so that what is
// written into it comes to others. In a repository that git does not read, such as
// one of another user that is mounted into a container, it may have, so it counts.
// Without git nobody knows, and it has not.
func (c *Config) Tracked() bool {
	git, err := exec.LookPath("git")
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// A repository may name a program for git to run as it looks at files.
	cmd := exec.CommandContext(ctx, git, "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", filepath.Base(c.real))
	cmd.Dir = filepath.Dir(c.real)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "LC_ALL=C")
	_, err = cmd.Output()
	exit := (*exec.ExitError)(nil)
	return err == nil || errors.As(err, &exit) && exit.ExitCode() == 128 && !bytes.Contains(exit.Stderr, []byte("not a git repository"))
}
