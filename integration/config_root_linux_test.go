package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inConfigured is set where a test has an /etc of its own: the binary.
const inConfigured = "SIGNET_WRAP_TEST_CONFIGURED"

// The program as it is released, and /etc/signet-wrap/config.toml: an agent, which is
// not root, cannot get past what is locked there, and a file that others could have
// written refuses every call.
func TestSystemConfig(t *testing.T) {
	if bin := os.Getenv(inConfigured); bin != "" {
		configured(t, bin)
		return
	}
	isolated(t, inConfigured, "^TestSystemConfig$", syscall.CLONE_NEWNS)
}

func configured(t *testing.T, bin string) {
	const etc, nobody = "/etc/signet-wrap", 65534
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	etcInMemory(t)
	dir, err := os.MkdirTemp("", "signet-configured-") // t.TempDir is for its owner alone
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "signet-wrap")
	b, err := os.ReadFile(bin)
	must(err)
	must(os.WriteFile(program, b, 0o755))
	mine := filepath.Join(dir, "home")
	must(os.Mkdir(mine, 0o700))
	must(os.Chown(mine, nobody, nobody))

	session := func(args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := exec.Command(program, append(args, "--", "cat")...)
		var out, errs strings.Builder
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, []string{"HOME=" + mine, "PATH=" + os.Getenv("PATH")}, &out, &errs
		cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":0,"method":"ping"}` + "\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"secret"}}}` + "\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		if !strings.Contains(out.String(), `{"jsonrpc":"2.0","id":0,"method":"ping"}`+"\n") {
			t.Errorf("the server did not run: %s", out.String())
		}
		return out.String(), errs.String()
	}
	const file = etc + "/config.toml"
	write := func(text string) {
		t.Helper()
		must(os.WriteFile(file, []byte(text), 0o644))
	}

	write("locked = ['hash-only', 'system-log']\nhash-only = true\nsystem-log = 'off'\n")
	must(os.MkdirAll(mine+"/.signet", 0o700))
	must(os.WriteFile(mine+"/.signet/config.toml", []byte("hash-only = false\n"), 0o600))
	must(os.Chown(mine+"/.signet", nobody, nobody))
	must(os.Chown(mine+"/.signet/config.toml", nobody, nobody))
	out, errs := session("--hash-only=false")
	if !strings.Contains(out, `"params":null`) || !strings.Contains(errs, "--hash-only false has no effect: "+file+" locks it to true") {
		t.Errorf("%s%s", out, errs)
	}
	refused := func(why string) {
		t.Helper()
		out, errs := session("--fail-open", "--system-log", "off")
		if strings.Contains(out, "tools/call") || !strings.Contains(out, `"error":`) || !strings.Contains(out, why) || strings.Count(errs, why) == 0 {
			t.Errorf("want refused for %q: %s%s", why, out, errs)
		}
	}
	write("sync = 'off'\nsynk = 1\n")
	refused("unknown key synk")
	write("sync")
	refused("not TOML")
	write("")
	must(os.Chown(file, nobody, nobody))
	refused("belongs to user 65534, not to root")
	must(os.Chown(file, 0, 0))
	must(os.Chmod(file, 0o600))
	refused("permission denied")
	must(os.Chmod(file, 0o666))
	refused("others than root can write " + file)
	must(os.Chmod(file, 0o644))
	must(os.Chmod(etc, 0o777))
	refused("others than root can write " + etc)
	must(os.Chmod(etc, 0o755))
	must(os.Remove(file))
	must(os.Symlink("/not/there", file))
	refused("no such file")
	must(os.Remove(file))
	must(syscall.Mkfifo(file, 0o644))
	refused("not a regular file")
	must(os.Remove(file))
	if out, errs := session("--system-log", "off"); !strings.Contains(out, `"a":"secret"`) || strings.Contains(errs, "config") {
		t.Errorf("without the file: %s%s", out, errs)
	}
}
