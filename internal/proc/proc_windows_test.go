package proc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/signet-wrap/signet-wrap/internal/proc"
)

func init() {
	// crtargs is args with the rules of Microsoft's C runtime, as of node:
	// Go has older ones, for which "" within quotes also ends them.
	parts["crtargs"] = func([]string) int {
		for _, a := range proc.CommandLine(windows.UTF16PtrToString(windows.GetCommandLine()))[3:] {
			fmt.Printf("%q\n", a)
		}
		return 0
	}
	// flags prints how newCommand starts a server, as a number.
	parts["flags"] = func([]string) int {
		cmd, err := proc.NewCommand(os.Args[0])
		if err != nil {
			return 1
		}
		fmt.Println(cmd.SysProcAttr.CreationFlags)
		return 0
	}
}

// onWine says whether this is Windows at all.
var onWine = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil

// files makes empty files in a new directory.
func files(t *testing.T, names ...string) string {
	t.Helper()
	dir := tempDir(t)
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWindowsLookUp(t *testing.T) {
	t.Setenv("PATHEXT", ".COM;.EXE;.BAT;.CMD")
	one := files(t, "npx", "npx.cmd", "npx.ps1", "both.cmd", "both.exe", "with.dot.cmd", "text.txt")
	two := files(t, "npx.exe", "second.bat")
	here := files(t, "here.exe", "npx.exe")
	t.Setenv("PATH", one+";"+two)
	t.Chdir(here)
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"npx", "", exec.ErrDot}, // there is one in PATH, but here is another
		{"both", filepath.Join(one, "both.exe"), nil},
		{"both.cmd", filepath.Join(one, "both.cmd"), nil},
		{"BOTH.CMD", filepath.Join(one, "BOTH.CMD"), nil},
		{"second", filepath.Join(two, "second.bat"), nil},
		{"with.dot", filepath.Join(one, "with.dot.cmd"), nil},
		{"here", "", exec.ErrDot},
		{`.\here`, filepath.Join(here, "here.exe"), nil},
		{"./here.exe", filepath.Join(here, "here.exe"), nil},
		{filepath.Join(one, "npx"), filepath.Join(one, "npx.cmd"), nil},
		{filepath.ToSlash(filepath.Join(two, "second")), filepath.Join(two, "second.bat"), nil},
		{filepath.Join(one, "text"), "", fs.ErrNotExist},
		{filepath.Join(one, "text.txt"), filepath.Join(one, "text.txt"), nil}, // starting it will fail
		{one, "", proc.ErrNoProgram},
		{filepath.Join(one, "nope"), "", fs.ErrNotExist},
		{filepath.Join(one, "nope.exe"), "", fs.ErrNotExist},
		{"nope", "", exec.ErrNotFound},
		{"text", "", exec.ErrNotFound},
	} {
		got, err := proc.LookPath(tc.name)
		if !strings.EqualFold(got, tc.want) || !errors.Is(err, tc.err) {
			t.Errorf("LookPath(%q) = %q, %v, want %q, %v", tc.name, got, err, tc.want, tc.err)
		}
	}
}

func TestWindowsBatchFile(t *testing.T) {
	dir := tempDir(t)
	script := filepath.Join(dir, "a server & more (1).cmd")
	if err := os.WriteFile(script, []byte("@\"%SELF%\" part crtargs %*\r\n@exit /b 7\r\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-y", "a b", "", "last"},
		{`C:\dir\`, `C:\a b\`, "k=v", "é", "*"},
		{"x&y", "a^b", "!A!", "(", ")", "|", "<", ">", "a;b,c"},
		{`"&calc`, `{"a": "b c"}`, `"`, `\"`},
		{"%PATH%", "100%", "%", "%cd%"},
	} {
		if onWine && strings.Contains(args[0], "%") {
			continue // wine 8's cmd.exe takes %% on a command line for %
		}
		cmd := wrapping(t, append([]string{script}, args...)...)
		cmd.Env = append(os.Environ(), "SELF="+part(t, "crtargs")[0])
		out, errs, code := ended(t, cmd, "")
		var want strings.Builder
		for _, a := range args {
			fmt.Fprintf(&want, "%q\n", a)
		}
		if out != want.String() || code != 7 {
			t.Errorf("exit %d, stderr %q, got\n%swant\n%s", code, errs, out, want.String())
		}
	}
}

// A server has our console, and no window opens for it if we have none.
func TestWindowsConsole(t *testing.T) {
	for name, tc := range map[string]struct{ ours, its uint32 }{
		"no console":           {windows.DETACHED_PROCESS, windows.CREATE_NO_WINDOW},
		"one without a window": {windows.CREATE_NO_WINDOW, 0},
	} {
		argv := part(t, "flags")
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: tc.ours}
		out, _, code := ended(t, cmd, "")
		if strings.TrimSpace(out) != fmt.Sprint(tc.its) || code != 0 {
			t.Errorf("%s: flags %s, exit %d, want %d", name, out, code, tc.its)
		}
	}
}
