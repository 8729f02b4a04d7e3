package proc_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func init() {
	// orphans leaves processes that end, and waits until they are gone
	// from the process table.
	parts["orphans"] = func([]string) int {
		for _, script := range []string{"(sleep 0.2 &)", "(setsid sleep 0.2 &)", "(true &)", "set -m; sleep 0.2 & exit"} {
			for range 10 {
				if exec.Command("/bin/sh", "-c", script).Run() != nil {
					return 1
				}
			}
		}
		time.Sleep(time.Second) // for the last of them to end
		var left []string
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			left = nil
			all, _ := filepath.Glob("/proc/[0-9]*/stat")
			for _, file := range all {
				if stat, err := os.ReadFile(file); err == nil && (strings.Contains(string(stat), "(sleep)") || strings.Contains(string(stat), ") Z ")) {
					left = append(left, string(stat))
				}
			}
			if len(left) == 0 {
				break
			}
		}
		fmt.Println("below", os.Getppid(), "left", left)
		return 23
	}
}

// As a container's first process we have the orphans of all others, and must
// not take the server's status for one of theirs.
func TestOrphansAreWaitedFor(t *testing.T) {
	unshare := needed(t, "unshare")
	flags := []string{"--pid", "--fork", "--mount-proc"}
	if os.Getuid() != 0 {
		flags = append([]string{"--user", "--map-root-user"}, flags...)
	}
	if err := exec.Command(unshare, append(flags, "true")...).Run(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
	cmd := exec.Command(unshare, append(flags, wrapping(t, part(t, "orphans")...).Args...)...)
	out, errs, code := ended(t, cmd, "")
	if out != "below 1 left []\n" || code != 23 {
		t.Errorf("%q, exit %d, stderr %q", out, code, errs)
	}
}

// On a terminal we adopt orphans, too.
func TestOrphansOnATerminal(t *testing.T) {
	cmd := wrapping(t, "/bin/sh", "-c", `(sleep 0.1 & sleep 0.1 &); while read -r line; do echo "line: $line"; done`)
	onTerminal(t, cmd)
	k := converse(t, cmd)
	k.say("up")
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		children := childrenOf(cmd.Process.Pid)
		if len(children) <= 2 { // the server and the guard
			break
		}
		if time.Now().After(end) {
			t.Errorf("%d children are left", len(children))
			break
		}
	}
	k.finish()
}

// needed is the path of a program. Without it the test is skipped, or fails on CI.
func needed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	return path
}
