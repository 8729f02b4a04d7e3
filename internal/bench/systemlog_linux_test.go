package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inTest is set where this test has a /run of its own.
const inTest = "SIGNET_WRAP_BENCH_TEST"

// TestNoHeads: where there is no journald of its own, nothing goes to the machine's: no
// heads of wrappers, and none of verbs.
func TestNoHeads(t *testing.T) {
	if os.Getenv(inTest) == "" {
		if os.Getuid() != 0 {
			if os.Getenv("CI") != "" {
				t.Fatal("only root can make namespaces")
			}
			t.Skip("only root can make namespaces")
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^TestNoHeads$", "-test.v")
		cmd.Env = append(os.Environ(), inTest+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(journalSocket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSocket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	run := func(journal string) (heads int) {
		b := &bench{out: io.Discard, err: io.Discard, json: true}
		err := b.in(t.TempDir(), func() error {
			b.journal = journal
			home := filepath.Join(b.dir, "home")
			if err := b.anchored(home, nil); err != nil { // as measure has made it
				return err
			}
			small := loads()[0]
			small.fill()
			o, err := openPipes(&way{argv: b.wrap([]string{b.self, modeEcho})}, small, home)
			if err != nil {
				return err
			}
			o.close()
			return b.anchoring(t.Context(), 10)
		})
		if err != nil {
			t.Fatal(err)
		}
		l.SetReadDeadline(time.Now().Add(time.Millisecond)) // all who send have ended
		for buf := make([]byte, 64<<10); ; heads++ {
			if _, err := l.Read(buf); err != nil {
				return heads
			}
		}
	}
	if heads := run(""); heads > 0 {
		t.Errorf("%d messages in the system's log", heads)
	}
	if heads := run("of its own"); heads < 3 {
		t.Errorf("%d heads: this test sees none", heads)
	}
}
