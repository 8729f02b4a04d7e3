//go:build unix

package alarm

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper is a thread's sleep that another can end.
type sleeper struct {
	r, w *os.File // of a pipe: a byte in it wakes
	fd   int32    // of r
}

func newSleeper() (*sleeper, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &sleeper{r: r, w: w, fd: int32(r.Fd())}, nil
}

// sleep returns after d, or sooner: when it is woken, or the runtime interrupts the
// thread. With a negative d it sleeps until then.
func (s *sleeper) sleep(d time.Duration) {
	ms := -1
	if d >= 0 {
		ms = int(min((d+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	fds := []unix.PollFd{{Fd: s.fd, Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, ms); err == nil && n > 0 {
		var b [64]byte
		s.r.Read(b[:])
	}
}

func (s *sleeper) wake() { s.w.Write([]byte{0}) }
