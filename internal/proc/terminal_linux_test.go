package proc_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	// ask asks on the terminal, as ssh and sudo do.
	parts["ask"] = func([]string) int {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return 1
		}
		fmt.Fprint(tty, "passphrase: ")
		line, err := bufio.NewReader(tty).ReadString('\n')
		fmt.Printf("got %q, %v\n", line, err)
		return 0
	}
}

// onTerminal gives cmd a terminal, in whose foreground it is. Its stdin and
// stdout are still to be set. keys is the keyboard and the screen.
func onTerminal(t *testing.T, cmd *exec.Cmd) (keys *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keys.Close()
		tty.Close()
	})
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	return keys
}

func press(t *testing.T, keys *os.File, what string) {
	t.Helper()
	if _, err := io.WriteString(keys, what); err != nil {
		t.Fatal(err)
	}
}

func TestServerAsksOnTheTerminal(t *testing.T) {
	cmd := wrapping(t, part(t, "ask")...)
	keys := onTerminal(t, cmd)
	k := converse(t, cmd)
	bufio.NewReader(keys).ReadString(':')
	press(t, keys, "secret\n")
	k.hear(`got "secret\n", <nil>`)
	k.end()
}

// What the terminal sends to all in its foreground is not sent again.
func TestTerminalSignalsComeOnce(t *testing.T) {
	cmd := wrapping(t, part(t, "report")...)
	keys := onTerminal(t, cmd)
	k := converse(t, cmd)
	k.hear("ignored: []")
	for range 3 {
		press(t, keys, "\x03")
		k.hear("SIGINT")
		k.signal(syscall.SIGTERM)
		k.hear("SIGTERM")
		press(t, keys, "\x1c")
		k.hear("SIGQUIT")
		k.signal(syscall.SIGHUP)
		k.hear("SIGHUP")
	}
	for i := range uint16(3) {
		if err := unix.IoctlSetWinsize(int(keys.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20 + i, Col: 80}); err != nil {
			t.Fatal(err)
		}
		k.hear("SIGWINCH")
		k.signal(syscall.SIGUSR1)
		k.hear("SIGUSR1")
	}
	k.finish()
}

// A terminal in raw mode sends none, so an INT there is somebody's own.
func TestSignalsOnARawTerminal(t *testing.T) {
	cmd := wrapping(t, part(t, "report")...)
	keys := onTerminal(t, cmd)
	mode, err := unix.IoctlGetTermios(int(keys.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Lflag &^= unix.ISIG
	if err := unix.IoctlSetTermios(int(keys.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	k := converse(t, cmd)
	k.hear("ignored: []")
	for range 3 {
		k.signal(syscall.SIGINT)
		k.hear("SIGINT")
	}
	k.finish()
}

// bystander runs another of our group before "$@": it must live on.
const bystander = `"$BYSTANDER" part linger "$FILE" >/dev/null </dev/null 2>"$FILE.said" & "$@"; echo "status $?"; wait`

// besides starts server, wrapped, on a terminal, with a bystander in the group.
func besides(t *testing.T, server ...string) (k *talk, stays func()) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "now")
	cmd := in(bystander, wrapping(t, server...))
	cmd.Env = append(os.Environ(), "BYSTANDER="+cmd.Args[4], "FILE="+file)
	onTerminal(t, cmd)
	k = converse(t, cmd)
	return k, func() {
		t.Helper()
		os.WriteFile(file, nil, 0o600)
		k.end()
		if said, err := os.ReadFile(file + ".said"); string(said) != "up\nstill here\n" {
			t.Errorf("the bystander says %q, %v", said, err)
		}
	}
}

// wrapper waits for the wrapper below the talk's sh, and gives its process.
func (k *talk) wrapper() int {
	k.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, child := range childrenOf(k.cmd.Process.Pid) {
			if strings.Contains(commandOf(child), " part wrap ") {
				return child
			}
		}
	}
	k.t.Fatal("there is no wrapper")
	return 0
}

func TestWhatIsLeftOnATerminalMaySave(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "saved")
	k, stays := besides(t, part(t, "saver", "3s", file)...)
	k.hear("up")
	syscall.Kill(k.wrapper(), syscall.SIGTERM)
	k.hear("saving")
	k.hear("status 143")
	if !exists(file) {
		t.Error("the server's child was ended before it had saved")
	}
	stays()
}

func TestNothingIsLeftOnATerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		says   string
	}{
		{"told to end", syscall.SIGTERM, "status 143"},
		{"killed", syscall.SIGKILL, "status 137"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "now")
			// Three deep, as npm, sh, node are.
			script := `"$@"; exit`
			k, stays := besides(t, append([]string{"/bin/sh", "-c", script, "sh"}, part(t, "stubborn", file)...)...)
			k.hear("up")
			syscall.Kill(k.wrapper(), c.signal)
			k.hear(c.says)
			os.WriteFile(file, nil, 0o600)
			stays()
			for line := range k.lines {
				t.Errorf("who was left says %q", line)
			}
		})
	}
}

// A job that is stopped and continued from the keyboard.
func TestStopOnATerminal(t *testing.T) {
	bash := needed(t, "bash")
	server := wrapping(t, part(t, "report", "SIGTSTP", "SIGCONT")...)
	cmd := exec.Command(bash, append([]string{"--norc", "-ic", `"$@"; echo "stopped $?"; read -r go </dev/tty; fg >/dev/null; echo "ended $?"`, "bash"}, server.Args...)...)
	keys := onTerminal(t, cmd)
	go io.Copy(io.Discard, keys)
	k := converse(t, cmd)
	k.hear("ignored: []")
	k.say("one")
	press(t, keys, "\x1a")
	k.hear("stopped 148") // 128 + TSTP, which stopped both
	press(t, keys, "go\n")
	k.say("two")
	press(t, keys, "\x03")
	k.hear("SIGINT")
	k.say("three")
	k.stdin.Close()
	k.hear("ended 0")
	k.end()
}
