package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWine runs the Windows build under wine, if WITH_WINE is set: the contract
// of the process code, and two wrappers that share a log. It is an extra, which
// CI does without. docs/PLATFORMS.md says what wine cannot show.
func TestWine(t *testing.T) {
	w := newWine(t)
	t.Run("process", func(t *testing.T) {
		cmd := w.command(t, w.procTest, "-test.run=^Test(Process|Windows)", "-test.v")
		console(t, cmd)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "--- PASS") < 10 {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("Ctrl-C", w.ctrlC)
	t.Run("two wrappers", w.twoWrappers)
}

// ctrlC tells a wrapper to end whose server, and its child, do not care.
func (w *wine) ctrlC(t *testing.T) {
	file := filepath.Join(t.TempDir(), "now")
	cmd := w.command(t, w.procTest, "part", "wrap", windowsPath(w.procTest), "part", "family", windowsPath(file))
	keyboard := console(t, cmd)
	// Linux ends all on a terminal whose first process ends, with SIGHUP, which
	// is not what is to be shown.
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, cmd.Args...)
	said, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stderr = theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	stderr := bufio.NewReader(said)
	if up, err := stderr.ReadString('\n'); strings.TrimSpace(up) != "up" {
		t.Fatalf("the server's child is not up: %q, %v", up, err)
	}
	if _, err := keyboard.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit %d, want the 1 of a server that was killed", code)
	}
	// Whoever is left says so now, and holds stderr until then.
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(stderr); len(rest) > 0 || err != nil {
		t.Errorf("after Ctrl-C: %q, %v", rest, err)
	}
}

// twoWrappers has two wrappers sign calls at once: LockFileEx keeps their
// records apart.
func (w *wine) twoWrappers(t *testing.T) {
	const each = 100
	h := newHome(t)
	var both sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		cmd := w.command(t, w.wrapper, "--home", windowsPath(filepath.Join(h.dir, ".signet")), "--", windowsPath(w.procTest), "part", "echo")
		var said strings.Builder
		cmd.Stderr = &said
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		both.Go(func() {
			go func() {
				defer in.Close()
				for i := range each {
					fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s%d","arguments":{}}}`+"\n", i, name, i)
				}
			}()
			echoed, err := io.ReadAll(out)
			if n := strings.Count(string(echoed), `"_signet":{`); n != each || err != nil {
				t.Errorf("%d of %d calls came back with a receipt, %v", n, each, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, said.String())
			}
		})
	}
	both.Wait()
	seen := map[string]bool{}
	for _, r := range h.records(t) { // which checks the chain
		seen[r.Action.Tool] = true
	}
	if len(seen) != 2*each {
		t.Errorf("%d different calls in the log, want %d", len(seen), 2*each)
	}
}

// A wine is a Windows of our own, with our binaries built for it.
type wine struct {
	env               []string
	wrapper, procTest string // signet-wrap.exe, and the tests of internal/proc
}

func newWine(t *testing.T) *wine {
	t.Helper()
	// Not where wine merely happens to be: on a busy machine it is so slow that
	// what counts as silence here is none there.
	if os.Getenv("WITH_WINE") == "" {
		t.Skip("WITH_WINE is not set: the Windows build is not run")
	}
	if _, err := exec.LookPath("wine"); err != nil || runtime.GOARCH != "amd64" {
		t.Fatal("no wine for amd64 here")
	}
	dir := t.TempDir()
	prefix := filepath.Join(dir, "prefix")
	w := &wine{
		wrapper:  filepath.Join(dir, "signet-wrap.exe"),
		procTest: filepath.Join(dir, "proc.test.exe"),
		env: append(scrubbed(dir), "WINEPREFIX="+prefix, "WINEDEBUG=-all",
			"WINEDLLOVERRIDES=mscoree,mshtml=d", // nor does it ask to download them
		),
	}
	for _, args := range [][]string{
		{"build", "-o", w.wrapper, ".."},
		{"test", "-c", "-o", w.procTest, "../internal/proc"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	t.Cleanup(func() {
		cmd := exec.Command("wineserver", "-k", "-w") // all that runs in the prefix
		cmd.Env = w.env
		cmd.Run()
	})
	if out, err := w.command(t, "wineboot", "--init").CombinedOutput(); err != nil {
		t.Fatalf("making a wine prefix: %v\n%s", err, out)
	}
	// Go's runtime needs this library since 1.22, and wine has it since 9.
	lib := filepath.Join(prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(lib); err != nil {
		dll := forwardingDLL("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036")
		if err := os.WriteFile(lib, dll, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// command runs a Windows program; it is killed if it takes far too long.
func (w *wine) command(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "wine", args...)
	cmd.Env = w.env
	return cmd
}

// console gives cmd a console, and us its keyboard. Without one, each program
// that wine starts would get one of its own, whose host holds its pipes.
func console(t *testing.T, cmd *exec.Cmd) (keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(keyboard.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		screen.Close()
		keyboard.Close()
	})
	go io.Copy(io.Discard, keyboard)
	cmd.Stdin = screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return keyboard
}

// windowsPath is the name that path has in wine.
func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }
