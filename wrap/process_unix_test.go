//go:build unix

package wrap

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Our ends of the server's pipes block, as startServer says why: no test can
// show the stalls without a clock.
func TestPipesBlock(t *testing.T) {
	o := Options{Command: []string{"cat"}, Stderr: os.Stderr}
	o.setDefaults()
	srv, err := startServer(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*os.File{"stdin": srv.stdin, "stdout": srv.stdout} {
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
	srv.stdin.Close()
	<-srv.done
	srv.finish(&ending{})
}
