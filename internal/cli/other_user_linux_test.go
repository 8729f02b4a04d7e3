package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What belongs to other users or other groups, as a user who is not root meets it:
// the advice speaks of the file or the directory that is in the way.
func TestOtherUsersFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine in each process: nothing for the race detector")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	const nobody = 65534
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "signet-other-") // t.TempDir is for its owner alone
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(os.Chmod(dir, 0o755))
	bin, me := filepath.Join(dir, "signet-wrap"), filepath.Join(dir, "me")
	config := filepath.Join(me, ".cursor", "mcp.json")
	must(os.MkdirAll(filepath.Dir(config), 0o755))
	write := func(uid, gid int, mode os.FileMode) {
		t.Helper()
		os.Remove(config)
		must(os.WriteFile(config, []byte(`{"mcpServers":{"files":{"command":"npx","args":[]}}}`), 0o600))
		must(os.Chown(config, uid, gid))
		must(os.Chmod(config, mode))
	}
	must(os.Chown(me, nobody, nobody))
	must(os.Chown(filepath.Dir(config), nobody, nobody))
	self, err := os.Executable()
	must(err)
	must(copyProgram(self, bin))

	run := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Dir, cmd.Env = me, []string{"HOME=" + me, "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("%q: exit status %d, want %d: %s", args, got, want, out)
		}
		return string(out)
	}
	says := func(out, part string) {
		t.Helper()
		if !strings.Contains(out, part) {
			t.Errorf("no %q in %s", part, out)
		}
	}

	// A group that cannot be kept is reported, and no other group gets its rights.
	write(nobody, 0, 0o660)
	says(run(0, "install", "--all"), "its group could not be kept")
	st, err := os.Stat(config)
	must(err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", st.Mode().Perm())
	}

	// The file of another user.
	write(0, 0, 0o600)
	says(run(1, "install", "--all"), `sudo chown "$(id -un)" `+config)

	// A home that cannot be written.
	write(nobody, nobody, 0o600)
	must(os.MkdirAll(filepath.Join(dir, "ro"), 0o755))
	says(run(1, "install", "--all", "--home", filepath.Join(dir, "ro")), "give --home DIR")
	says(run(0, "install", "--all", "--home", filepath.Join(me, "rw")), "wrapped")

	// A file of the log that is another user's, or was given another mode.
	run(0, "identity", "generate", "--name", "default", "--unencrypted")
	run(0, "sign", "--key", "default", "--tool", "t")
	days, err := filepath.Glob(filepath.Join(me, ".signet", "audit", "*.jsonl"))
	must(err)
	must(os.Chmod(days[0], 0))
	out := run(1, "doctor")
	says(out, "`chmod 600 "+days[0]+"`")
	must(os.Chmod(days[0], 0o600))
	run(0, "doctor")
	must(os.Chown(days[0], 0, 0))
	out = run(1, "doctor")
	says(out, `sudo chown "$(id -un)" `+days[0])
	if strings.Contains(out, "do      signet-wrap verify --chain") {
		t.Errorf("advice of no use: %s", out)
	}
	must(os.Chown(days[0], nobody, nobody))
	must(os.Chmod(filepath.Dir(days[0]), 0o300))
	says(run(2, "doctor"), "`chmod 700 "+filepath.Dir(days[0])+"`")
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Chmod(0o755)
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}
