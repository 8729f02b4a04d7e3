package integration

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// isolated runs the tests that match, usually the one that calls it, once more in
// namespaces of their own (CLONE_NEWNS, CLONE_NEWNET), which takes root. There the
// variable is set to the path of the binary.
func isolated(t *testing.T, variable, match string, namespaces uintptr) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "only root can make namespaces")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run="+match, "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), variable+"="+binary(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: namespaces, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// needJournald ends a test on a machine without journald, or without root.
func needJournald(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "only root can start a journald")
	}
	for _, tool := range []string{journald, "/usr/bin/journalctl"} {
		if _, err := os.Stat(tool); err != nil {
			missing(t, "there is no %s: apt-get install systemd", tool)
		}
	}
}
