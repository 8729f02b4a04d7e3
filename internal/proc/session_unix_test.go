//go:build unix

package proc_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	// report says which signals were ignored when it started, then each signal
	// and each line that it gets. It ends with its input. Signals named in args
	// keep the disposition that they had.
	parts["report"] = func(args []string) int {
		got := make(chan os.Signal, 64)
		var ignored []string
		for n := 1; n < 65; n++ {
			sig := syscall.Signal(n)
			switch name := cmp.Or(unix.SignalName(sig), sig.String()); {
			case sig == syscall.SIGURG || sig == syscall.SIGCHLD || sig == syscall.SIGPIPE: // Go's own
			case n == 32 || n == 33: // glibc's own: what posix_spawn starts, as make does, ignores them
			case signal.Ignored(sig):
				ignored = append(ignored, name)
			case !slices.Contains(args, name):
				signal.Notify(got, sig)
			}
		}
		fmt.Println("ignored:", ignored)
		lines := make(chan string)
		go func() {
			for s := bufio.NewScanner(os.Stdin); s.Scan(); {
				lines <- s.Text()
			}
			close(lines)
		}()
		for {
			select {
			case sig := <-got:
				fmt.Println(unix.SignalName(sig.(syscall.Signal)))
			case line, ok := <-lines:
				if !ok {
					return 0
				}
				fmt.Println("line:", line)
			}
		}
	}
	// busy is report with a child.
	parts["busy"] = func(args []string) int {
		if err := beget(args[0]); err != nil {
			return 1
		}
		return parts["report"](nil)
	}
	// listen says which signals it gets, even if they were ignored.
	parts["listen"] = func([]string) int {
		got := make(chan os.Signal, 64)
		signal.Notify(got, syscall.SIGHUP, syscall.SIGINT)
		fmt.Println("up")
		go func() {
			for sig := range got {
				fmt.Println(unix.SignalName(sig.(syscall.Signal)))
			}
		}()
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	// stubborn takes what it is told, and says when the file at args[0] is there.
	parts["stubborn"] = func(args []string) int {
		stay()
		fmt.Println("up")
		for end := time.Now().Add(patience); time.Now().Before(end) && !exists(args[0]); time.Sleep(10 * time.Millisecond) {
		}
		fmt.Println("still here")
		return 0
	}
	// saver starts a child that, when told to end, takes the time args[0] to
	// write the file args[1]. saver itself ends at once at INT and TERM.
	parts["saver"] = func(args []string) int {
		cmd := exec.Command(os.Args[0], append([]string{"part", "save"}, args...)...)
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1
		}
		time.Sleep(patience)
		return 0
	}
	parts["save"] = func(args []string) int {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("up")
		<-told
		fmt.Println("saving")
		takes, _ := time.ParseDuration(args[0])
		time.Sleep(takes)
		os.WriteFile(args[1], nil, 0o600)
		return 0
	}
}

// A talk is a wrapper with a server, line by line.
type talk struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // from stdout; closed at its end
	ended chan struct{}
}

// converse starts cmd, which wraps.
func converse(t *testing.T, cmd *exec.Cmd) *talk {
	t.Helper()
	k := &talk{t: t, cmd: cmd, lines: make(chan string, 1000), ended: make(chan struct{})}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, k.stdin = in, theirs, stdin
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	err = cmd.Start()
	in.Close()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(ours); s.Scan(); {
			k.lines <- s.Text()
		}
		close(k.lines)
	}()
	go func() {
		cmd.Wait()
		close(k.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-k.ended
		stdin.Close()
		ours.Close()
	})
	return k
}

// hear waits for a line and expects it to be want.
func (k *talk) hear(want string) {
	k.t.Helper()
	select {
	case got, ok := <-k.lines:
		if got != want || !ok {
			k.t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		k.t.Fatalf("heard nothing, want %q", want)
	}
}

// say sends a line to the server, and waits until it was read.
func (k *talk) say(line string) {
	k.t.Helper()
	if _, err := io.WriteString(k.stdin, line+"\n"); err != nil {
		k.t.Fatal(err)
	}
	k.hear("line: " + line)
}

func (k *talk) signal(sig syscall.Signal) {
	k.t.Helper()
	if err := k.cmd.Process.Signal(sig); err != nil {
		k.t.Fatal(err)
	}
}

// end waits for the end of cmd and gives how it was.
func (k *talk) end() string {
	k.t.Helper()
	select {
	case <-k.ended:
		return k.cmd.ProcessState.String()
	case <-time.After(patience):
		k.t.Fatal("it does not end")
		return ""
	}
}

// finish ends the input and expects an end in good order, with nothing said.
func (k *talk) finish() {
	k.t.Helper()
	k.stdin.Close()
	if how := k.end(); how != "exit status 0" {
		k.t.Errorf("ended with %s", how)
	}
	for line := range k.lines {
		k.t.Errorf("heard %q, too", line)
	}
}

// in runs the command line through sh before: the script ends with "$@".
func in(script string, cmd *exec.Cmd) *exec.Cmd {
	return exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, cmd.Args...)...)
}

func TestSignalsAreTheServers(t *testing.T) {
	k := converse(t, wrapping(t, part(t, "report")...))
	k.hear("ignored: []")
	for range 2 {
		for _, sig := range []syscall.Signal{
			syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
			syscall.SIGCONT, syscall.SIGALRM, syscall.SIGABRT, syscall.SIGVTALRM, syscall.SIGIO, syscall.SIGXCPU,
		} {
			k.signal(sig)
			k.hear(unix.SignalName(sig))
		}
	}
	k.finish()
}

// What a server does with a signal is its own affair, and so is how long it
// takes: nothing ends it but itself.
func TestNoTimerEndsAServer(t *testing.T) {
	t.Parallel()
	k := converse(t, wrapping(t, part(t, "report")...))
	k.hear("ignored: []")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGTERM} {
		k.signal(sig)
		k.hear(unix.SignalName(sig))
	}
	time.Sleep(3 * time.Second) // more than a timer of old; on a slow machine the test shows less
	k.say("still there")
	k.finish()
}

// Signals go to the server and not to its group: it may wait for its own child.
func TestSignalsAreNotForTheServersChildren(t *testing.T) {
	// The child would die of INT, of which the server reports.
	self := part(t, "report")
	k := converse(t, wrapping(t, "/bin/sh", "-c", `trap 'echo INT' INT; "$@"; echo status $?`, "sh", self[0], self[1], self[2], "SIGINT"))
	k.hear("ignored: []")
	k.signal(syscall.SIGINT)
	k.say("the child is alive")
	k.stdin.Close()
	k.hear("INT") // when its child has ended, as sh has it
	k.hear("status 0")
	k.end()
}

func TestWhatIsLeftMaySave(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "saved")
			k := converse(t, wrapping(t, part(t, "saver", "5s", file)...))
			k.hear("up")
			k.signal(sig)
			k.hear("saving")
			if how := k.end(); how != "signal: "+sig.String() {
				t.Errorf("ended with %q", how)
			}
			if !exists(file) {
				t.Error("the server's child was ended before it had saved")
			}
		})
	}
}

// Told a second time, nobody waits for what is left any longer.
func TestSecondSignalHurries(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "saved")
	k := converse(t, wrapping(t, part(t, "saver", "1h", file)...))
	k.hear("up")
	k.signal(syscall.SIGTERM)
	k.hear("saving")
	began := time.Now()
	for {
		k.cmd.Process.Signal(syscall.SIGTERM) // the first may come before the server's end is seen
		select {
		case <-k.ended:
			// leaveAfter would have been 10 s
			t.Logf("ended %v after the second signal", time.Since(began))
			return
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(began) > patience {
			t.Fatal("it does not end")
		}
	}
}

func TestKilledWhileItWaitsLeavesNothing(t *testing.T) {
	t.Parallel()
	h := hold(t, part(t, "parent")...)
	tellToEnd(t, h.cmd)
	time.Sleep(500 * time.Millisecond) // most likely the server is gone then, and its child not
	h.cmd.Process.Kill()
	h.cmd.Wait()
	if said, err := io.ReadAll(h.stderr); len(said) > 0 || err != nil {
		t.Errorf("after the wrapper was killed: %q, %v", said, err)
	}
}

// A server that went on after INT was not asked to end, whenever it ends then.
func TestInterruptedServerThatGoesOnLeavesItsChildrenAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "now")
	errs, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	cmd := wrapping(t, part(t, "busy", file)...)
	cmd.Stderr = theirs
	k := converse(t, cmd)
	theirs.Close()
	said := bufio.NewReader(errs)
	if up, err := said.ReadString('\n'); up != "up\n" {
		t.Fatalf("%q, %v", up, err)
	}
	k.hear("ignored: []")
	k.say("one")
	k.signal(syscall.SIGINT)
	k.hear("SIGINT")
	k.say("two")
	k.finish()
	os.WriteFile(file, nil, 0o600)
	if rest, err := io.ReadAll(said); string(rest) != "still here\n" || err != nil {
		t.Errorf("the server's child says %q, %v", rest, err)
	}
}

// A signal that was ignored when we started is for a server that listens to it,
// and for no other.
func TestIgnoredSignals(t *testing.T) {
	k := converse(t, in(`trap '' HUP INT; exec "$@"`, wrapping(t, part(t, "listen")...)))
	k.hear("up")
	k.signal(syscall.SIGHUP)
	k.hear("SIGHUP")
	k.signal(syscall.SIGINT)
	k.hear("SIGINT")
	k.finish()

	k = converse(t, in(`trap '' HUP INT; exec "$@"`, wrapping(t, part(t, "report")...)))
	k.hear("ignored: [SIGHUP SIGINT]")
	k.signal(syscall.SIGHUP)
	k.signal(syscall.SIGINT)
	k.signal(syscall.SIGUSR1)
	k.hear("SIGUSR1")
	k.finish()
}

// What execvp starts, we start.
func TestStartsWhatExecvpStarts(t *testing.T) {
	dir := t.TempDir()
	script := func(name string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("echo $0 of "+name+": \"$@\"; exit 3\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	script("here", 0o755)
	script("bin/there", 0o755)
	script("first/both", 0o644) // not executable, so the search goes on
	script("second/both", 0o755)
	os.MkdirAll(filepath.Join(dir, "first/twice"), 0o755)
	script("second/twice", 0o755)
	script("first/none", 0o644)
	for _, c := range []struct {
		path, command string
		code          int
		says          string
	}{
		{"/nowhere:bin", "there", 3, "bin/there of bin/there: a b\n"},
		{":/bin", "here", 3, "./here of here: a b\n"},
		{"/nowhere:", "here", 3, "./here of here: a b\n"},
		{"/nowhere::/bin", "here", 3, "./here of here: a b\n"},
		{"/nowhere:.", "here", 3, "./here of here: a b\n"},
		{"/nowhere", "./here", 3, "./here of here: a b\n"},
		{"/nowhere", "bin/there", 3, "bin/there of bin/there: a b\n"},
		{"/nowhere", filepath.Join(dir, "here"), 3, dir + "/here of here: a b\n"},
		{"first:second", "both", 3, "second/both of second/both: a b\n"},
		{"first:second", "twice", 3, "second/twice of second/twice: a b\n"},
		{"first", "none", 126, ""},
		{"/nowhere", "here", 127, ""},
		{"bin", "here", 127, ""},
	} {
		cmd := wrapping(t, c.command, "a", "b")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+c.path)
		out, errs, code := ended(t, cmd, "")
		if out != c.says || code != c.code {
			t.Errorf("%q in PATH=%s: %q, exit %d, want %q, %d; stderr %q", c.command, c.path, out, code, c.says, c.code, errs)
		}
	}
}

// Job control: a stop stops both, whoever waits for us sees it, and both go on.
func TestStopAndContinue(t *testing.T) {
	cmd := wrapping(t, part(t, "report", "SIGTSTP")...)
	k := converse(t, cmd)
	k.hear("ignored: []")
	k.signal(syscall.SIGUSR1) // passed on when all signals are caught
	k.hear("SIGUSR1")
	k.signal(syscall.SIGTSTP)
	waitState(t, cmd.Process.Pid, "T")
	// Until it executes its shell, the guard has our arguments, too.
	for end := time.Now().Add(patience); !slices.ContainsFunc(childrenOf(cmd.Process.Pid), func(child int) bool {
		return strings.Contains(commandOf(child), "report") && strings.HasPrefix(state(child), "T")
	}); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server is not stopped")
		}
	}
	k.signal(syscall.SIGCONT)
	k.hear("SIGCONT")
	k.say("on")
	k.finish()
}

// state is the state of a process as ps(1) has it.
func state(pid int) string {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.TrimSpace(string(out))
}

func waitState(t *testing.T, pid int, want string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.HasPrefix(state(pid), want); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the state of %d is %q, want %q", pid, state(pid), want)
		}
	}
}

func childrenOf(pid int) (all []int) {
	out, _ := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=").Output()
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if fmt.Sscan(line, &child, &parent); parent == pid {
			all = append(all, child)
		}
	}
	return all
}

func commandOf(pid int) string {
	out, _ := exec.Command("ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	return string(out)
}
