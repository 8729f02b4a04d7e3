package alarm

import (
	"time"

	"golang.org/x/sys/windows"
)

// sleeper is a thread's sleep that another can end.
type sleeper struct{ event windows.Handle }

func newSleeper() (*sleeper, error) {
	h, err := windows.CreateEvent(nil, 0, 0, nil) // resets by itself
	return &sleeper{h}, err
}

// sleep returns after d, or sooner: when it is woken. With a negative d it sleeps
// until then.
func (s *sleeper) sleep(d time.Duration) {
	ms := uint32(windows.INFINITE)
	if d >= 0 {
		ms = uint32(min((d+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	windows.WaitForSingleObject(s.event, ms)
}

func (s *sleeper) wake() { windows.SetEvent(s.event) }
