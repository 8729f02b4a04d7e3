package proc_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// What every platform's process code owes the rest, whatever it is made of.
// (The names begin with TestProcess: integration/wine_linux_test.go runs them.)
// The wrapper and the servers are this test binary, started again as
// `proc.test part NAME ARG…`: real processes, real pipes, and a wrapper that
// may be killed.

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "part" {
		os.Exit(parts[os.Args[2]](os.Args[3:]))
	}
	os.Exit(m.Run())
}

// patience bounds waits for what must happen. It is no promise about speed.
const patience = 60 * time.Second

// parts are the programs that this binary can be.
var parts = map[string]func(args []string) int{
	// wrap is signet-wrap without the command line. Its log and key must not
	// be touched: there are no calls here.
	"wrap": func(args []string) int {
		exit, err := wrap.Run(wrap.Options{OwnProcess: true, Options: record.Options{
			Command: args,
			Audit:   filepath.Join(os.TempDir(), "signet-wrap-never-made"),
			Signer:  func() (*sign.Signer, error) { return nil, errors.New("no key here") },
			Verbose: true,
		}})
		var start *wrap.StartError
		if errors.As(err, &start) {
			fmt.Fprintf(os.Stderr, "signet-wrap: %v\nhint: %s\n", start, start.Hint)
			return start.Status
		}
		return exit.Mirror()
	},
	"echo": func([]string) int {
		io.Copy(os.Stdout, os.Stdin)
		return 0
	},
	"exit": func(args []string) int {
		code, _ := strconv.ParseUint(args[0], 0, 32)
		return int(code)
	},
	// goodbye waits for the end of its input and only then speaks.
	"goodbye": func([]string) int {
		in, _ := io.ReadAll(os.Stdin)
		fmt.Printf("goodbye after %d bytes\n", len(in))
		return 3
	},
	"env": func([]string) int {
		fmt.Println(strings.Join(os.Environ(), "\n"))
		return 0
	},
	"args": func(args []string) int {
		for _, a := range args {
			fmt.Printf("%q\n", a)
		}
		return 0
	},
	// flood writes and is gone.
	"flood": func(args []string) int {
		n, _ := strconv.Atoi(args[0])
		os.Stdout.Write(bytes.Repeat([]byte("0123456789abcde\n"), n/16))
		return 0
	},
	// chatter writes until that fails.
	"chatter": func([]string) int {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
		for {
			if _, err := fmt.Println("and another thing"); err != nil {
				return 9
			}
		}
	},
	// deaf closes its stdin, and ends when the file at args[0] is there.
	"deaf": func(args []string) int {
		os.Stdin.Close()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if exists(args[0]) {
				return 4
			}
		}
		return 1
	},
	// heir leaves its stdout to a child, which writes to it after args[0].
	"heir": func(args []string) int {
		cmd := exec.Command(os.Args[0], "part", "words", args[0])
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1
		}
		return 5
	},
	"words": func(args []string) int {
		after, _ := time.ParseDuration(args[0])
		time.Sleep(after)
		fmt.Println("last words")
		return 0
	},
	// family starts a child and stays, whatever it is told.
	"family": func(args []string) int {
		stay()
		if err := beget(args[0]); err != nil {
			return 1
		}
		time.Sleep(patience)
		return 0
	},
	// parent starts a child and stays, until it is told to end.
	"parent": func(args []string) int {
		if err := beget(args[0]); err != nil {
			return 1
		}
		time.Sleep(patience)
		return 0
	},
	// orphan starts a child and ends.
	"orphan": func(args []string) int {
		if err := beget(args[0]); err != nil {
			return 1
		}
		return 0
	},
	// linger says on stderr that it is up, and what it is still there to see:
	// the file at args[0].
	"linger": func(args []string) int {
		stay()
		fmt.Fprintln(os.Stderr, "up")
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if exists(args[0]) {
				fmt.Fprintln(os.Stderr, "still here")
				return 0
			}
		}
		return 0
	},
}

// stay takes what it is told and does nothing. (On Windows signal.Ignore would
// leave it to the system, which ends the process.)
func stay() { signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) }

// beget starts linger, which holds stderr and nothing else, and returns when
// it is up.
func beget(file string) error {
	cmd := exec.Command(os.Args[0], "part", "linger", file)
	cmd.Stderr = os.Stderr
	return cmd.Start()
}

// part is the command line of a part.
func part(t *testing.T, name string, args ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{self, "part", name}, args...)
}

// wrapping is the wrapper's process, not yet started, with server in it.
func wrapping(t *testing.T, server ...string) *exec.Cmd {
	t.Helper()
	argv := part(t, "wrap", server...)
	return exec.Command(argv[0], argv[1:]...)
}

// ended runs cmd to its end and gives its output and exit status.
func ended(t *testing.T, cmd *exec.Cmd, stdin string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestProcessRelaysEveryByte(t *testing.T) {
	in := "{\"a\": 1}\r\n\n\xff\xfe junk\nno newline at the end"
	out, errs, code := ended(t, wrapping(t, part(t, "echo")...), in)
	if out != in || errs != "" || code != 0 {
		t.Errorf("stdout %q, stderr %q, exit %d", out, errs, code)
	}
}

func TestProcessSeesEndOfInputAndMayStillSpeak(t *testing.T) {
	out, errs, code := ended(t, wrapping(t, part(t, "goodbye")...), "12345\n")
	if strings.TrimSpace(out) != "goodbye after 6 bytes" || errs != "" || code != 3 {
		t.Errorf("stdout %q, stderr %q, exit %d", out, errs, code)
	}
}

func TestProcessOutputIsDrained(t *testing.T) {
	for range 5 {
		out, _, code := ended(t, wrapping(t, part(t, "flood", "200000")...), "")
		if len(out) != 200000 || code != 0 {
			t.Fatalf("%d bytes of 200000 arrived, exit %d", len(out), code)
		}
	}
	out, _, code := ended(t, wrapping(t, part(t, "heir", "100ms")...), "")
	if strings.TrimSpace(out) != "last words" || code != 5 {
		t.Errorf("stdout %q, exit %d; the server's child wrote last words when it had ended", out, code)
	}
}

func TestProcessChildThatHoldsStdoutHoldsNobodyUp(t *testing.T) {
	// Long after what the wrapper waits for (drainSilence).
	out, _, code := ended(t, wrapping(t, part(t, "heir", "3s")...), "")
	if out != "" || code != 5 {
		t.Errorf("stdout %q, exit %d", out, code)
	}
}

func TestProcessServerSeesThatClientReadsNoMore(t *testing.T) {
	cmd := wrapping(t, part(t, "chatter")...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// Its stdin stays open: the end of input must not be what ends it.
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	bufio.NewReader(stdout).ReadString('\n')
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("exit %d, want the server's 9 for a write that failed", code)
	}
}

func TestProcessClientSeesThatServerReadsNoMore(t *testing.T) {
	file := filepath.Join(tempDir(t), "now")
	cmd := wrapping(t, part(t, "deaf", file)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	for err == nil {
		_, err = io.WriteString(stdin, "is anybody there?\n")
	}
	os.WriteFile(file, nil, 0o600)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit %d, want 4 from a server that was there until writing to it failed", code)
	}
}

func TestProcessExitCode(t *testing.T) {
	for _, want := range append([]int{0, 1, 7, 125, 127, 255}, platformExitCodes...) {
		_, errs, code := ended(t, wrapping(t, part(t, "exit", strconv.Itoa(want))...), "")
		if code != want || errs != "" {
			t.Errorf("exit %d (stderr %q), want %d", code, errs, want)
		}
	}
}

func TestProcessEnvironment(t *testing.T) {
	cmd := wrapping(t, part(t, "env")...)
	cmd.Env = append(os.Environ(), "SIGNET_PASSPHRASE=hush", "GITHUB_TOKEN=theirs", "SIGNET_HOME=somewhere", "EMPTY=")
	out, _, code := ended(t, cmd, "")
	lines := strings.Split(out, "\n")
	for _, want := range []string{"GITHUB_TOKEN=theirs", "SIGNET_HOME=somewhere", "EMPTY="} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s did not arrive", want)
		}
	}
	if strings.Contains(out, "hush") || code != 0 {
		t.Errorf("the passphrase arrived, or exit %d", code)
	}
	// Names are what the system takes for the same name.
	cmd = wrapping(t, part(t, "env")...)
	cmd.Env = append(os.Environ(), "Signet_Passphrase=hush")
	out, _, _ = ended(t, cmd, "")
	if arrived := strings.Contains(out, "hush"); arrived == (runtime.GOOS == "windows") {
		t.Errorf("another spelling of the name arrived: %v", arrived)
	}
}

func TestProcessArguments(t *testing.T) {
	args := []string{"", "a b", `c"d`, `e\`, `f\"`, "%PATH%", "$HOME", "*", "--", "é", "a\tb"}
	out, _, _ := ended(t, wrapping(t, part(t, "args", args...)...), "")
	var want strings.Builder
	for _, a := range args {
		fmt.Fprintf(&want, "%q\n", a)
	}
	if out != want.String() {
		t.Errorf("got\n%swant\n%s", out, want.String())
	}
}

func TestProcessStartErrors(t *testing.T) {
	dir := tempDir(t)
	plain := filepath.Join(dir, "plain.txt")
	if err := os.WriteFile(plain, []byte("not a program\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		command string
		code    int
		say     []string
	}{
		{"signet-wrap-no-such", 127, []string{`"signet-wrap-no-such"`, "PATH="}},
		{filepath.Join(dir, "no-such"), 127, []string{"no-such", "cannot find"}},
		{filepath.Join(dir, "no-such.exe"), 127, []string{"no-such.exe", "cannot find"}},
		{plain, 126, []string{"plain.txt"}},
		{dir, 126, []string{"cannot start", "it is a directory", "the program in it"}},
		{"~/no-such", 127, []string{"cannot find", "replaces ~"}},
		{"${HOME}/no-such", 127, []string{"cannot find", "replaces variables"}},
		{"signet-wrap-no-such -y x", 127, []string{"cannot find", `"signet-wrap-no-such" is the command`}},
	} {
		out, errs, code := ended(t, wrapping(t, tc.command), "")
		if code != tc.code || out != "" {
			t.Errorf("%s: exit %d, want %d; stdout %q", tc.command, code, tc.code, out)
		}
		for _, say := range tc.say {
			// Names are quoted as Go quotes them.
			if !strings.Contains(strings.ReplaceAll(errs, `\\`, `\`), say) {
				t.Errorf("%s: says %q, without %q", tc.command, errs, say)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tempDir is t.TempDir without its way of removing things, which wine 8 does
// not know.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "signet-wrap-contract-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range append(files, dir) {
			if err := os.Remove(f); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

// A held is a wrapper with a server whose child holds stderr: what it writes
// there says that it lives, and the end of stderr that nobody does.
type held struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *bufio.Reader
	file   string // when it is there, a child still alive says so
}

func hold(t *testing.T, server ...string) *held {
	t.Helper()
	h := &held{file: filepath.Join(tempDir(t), "now")}
	h.cmd = wrapping(t, append(server, h.file)...)
	prepareToTell(h.cmd)
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	h.cmd.Stderr, h.stderr = theirs, bufio.NewReader(ours)
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	err = h.cmd.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(patience, func() { h.cmd.Process.Kill(); ours.Close() })
	t.Cleanup(func() {
		stuck.Stop()
		h.cmd.Process.Kill()
		ours.Close()
	})
	if up, err := h.stderr.ReadString('\n'); up != "up\n" {
		t.Fatalf("the server's child is not up: %q, %v", up, err)
	}
	return h
}

// rest lets whoever is alive say so, and gives what was said until all were
// gone.
func (h *held) rest(t *testing.T) string {
	t.Helper()
	if err := os.WriteFile(h.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(h.stderr)
	if err != nil {
		t.Errorf("somebody held stderr for too long: %v", err)
	}
	return string(said)
}

func TestProcessKilledLeavesNothing(t *testing.T) {
	t.Run("a server and its child", func(t *testing.T) { killLeavesNothing(t, part(t, "family")) })
	t.Run("a wrapper in a wrapper", func(t *testing.T) { killLeavesNothing(t, part(t, "wrap", part(t, "family")...)) })
}

func killLeavesNothing(t *testing.T, server []string) {
	t.Helper()
	h := hold(t, server...)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	h.cmd.Wait()
	// All are killed without our doing, if not at the same instant: the end
	// of stderr comes before anybody is asked.
	said, err := io.ReadAll(h.stderr)
	if len(said) > 0 || err != nil {
		t.Errorf("after the wrapper was killed: %q, %v", said, err)
	}
}

func TestProcessToldToEndLeavesNothing(t *testing.T) {
	t.Parallel()
	h := hold(t, part(t, "parent")...)
	tellToEnd(t, h.cmd)
	h.cmd.Wait()
	if said := h.rest(t); said != "" {
		t.Errorf("after the wrapper was told to end: %q", said)
	}
}

func TestProcessThatEndsLeavesItsChildrenAlone(t *testing.T) {
	h := hold(t, part(t, "orphan")...)
	if err := h.cmd.Wait(); err != nil {
		t.Errorf("the wrapper: %v", err)
	}
	if said := h.rest(t); said != "still here\n" {
		t.Errorf("the server's child says %q", said)
	}
}
