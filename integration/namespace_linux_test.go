package integration

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// etcInMemory makes /etc one of this mount namespace, over the machine's, in memory, and
// in it /etc/signet-wrap.
func etcInMemory(t *testing.T) {
	t.Helper()
	const ours = "/etc/signet-wrap"
	upper := t.TempDir()
	must(t, unix.Mount("tmpfs", upper, "tmpfs", 0, "mode=755"))
	t.Cleanup(func() {
		unix.Unmount("/etc", unix.MNT_DETACH)
		unix.Unmount(upper, unix.MNT_DETACH)
	})
	must(t, os.Mkdir(upper+"/up", 0o755))
	must(t, os.Mkdir(upper+"/work", 0o755))
	if err := unix.Mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+upper+"/up,workdir="+upper+"/work"); err != nil {
		must(t, os.MkdirAll(ours, 0o755)) // no overlays here: over an empty directory
		must(t, unix.Mount("tmpfs", ours, "tmpfs", 0, "mode=755"))
	}
	must(t, os.MkdirAll(ours, 0o755))
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
