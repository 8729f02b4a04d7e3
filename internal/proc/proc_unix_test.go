//go:build unix

package proc

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Our ends of the server's pipes block, as Start says why: no test can
// show the stalls without a clock.
func TestPipesBlock(t *testing.T) {
	srv, err := Start(Command{Args: []string{"cat"}, Env: os.Environ(), Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*os.File{"stdin": srv.Stdin.(*input).file, "stdout": srv.Stdout} {
		c, err := f.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		c.Control(func(fd uintptr) {
			if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("%s: flags %#x, %v", name, flags, err)
			}
		})
	}
	srv.Stdin.Close()
	<-srv.Done()
	<-srv.End()
	srv.Close()
}
